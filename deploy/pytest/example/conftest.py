import pathlib
import sys

# The plugin stands in the folder above; in a project of your own, put it beside this file.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

pytest_plugins = ["slpsim_pytest"]
