// What a page cannot do without a script: copy a token, and keep a console open. Without it a token is selected by
// hand, and a console line is sent as a form.
"use strict";

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    source.select();
    try {
      await navigator.clipboard.writeText(source.value);
    } catch {
      document.execCommand("copy");
    }
    button.textContent = "Copied";
  });
}

const form = document.querySelector("form[data-terminal]");
if (form) {
  const screen = document.querySelector("pre.console");
  const input = form.querySelector("input[name=line]");
  const prompt = form.querySelector("[data-prompt]");
  const address = new URL(form.dataset.terminal, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const said = [];
  let at = 0;
  const show = (text) => {
    screen.textContent = (screen.textContent + text).slice(-200000);
    screen.scrollTop = screen.scrollHeight;
  };
  const socket = new WebSocket(address);
  socket.addEventListener("open", () => { form.dataset.open = "yes"; });
  socket.addEventListener("message", (event) => {
    const shown = JSON.parse(event.data);
    if (shown.text) { show(shown.text); }
    if (shown.prompt) { prompt.textContent = shown.prompt; }
    if (shown.closed) { socket.close(); }
  });
  socket.addEventListener("close", () => { delete form.dataset.open; });
  form.addEventListener("submit", (event) => {
    if (socket.readyState !== WebSocket.OPEN) { return; }
    event.preventDefault();
    show(prompt.textContent + input.value + "\n");
    socket.send(input.value);
    said.push(input.value);
    at = said.length;
    input.value = "";
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || at + step < 0 || at + step > said.length) { return; }
    event.preventDefault();
    at += step;
    input.value = said[at] ?? "";
  });
}
