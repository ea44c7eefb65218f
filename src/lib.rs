//! slpsim
