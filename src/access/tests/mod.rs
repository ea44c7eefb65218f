//! SSH and NX-API against a driven device.
