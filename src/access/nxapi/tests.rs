//! NX-API against a driven device.
