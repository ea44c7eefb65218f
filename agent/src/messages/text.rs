//! placeholder: texts come from the catalogue
