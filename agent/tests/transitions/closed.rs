//! Enums that know all their variants.

/// An enum with the text of each variant. `ALL` is made from the same list, so that no variant can be missing from it.
macro_rules! closed {
    ($(#[$meta:meta])* $name:ident { $($variant:ident => $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum $name { $($variant,)+ }

        impl $name {
            /// All variants, in order.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As the table prints it.
            pub(crate) const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

pub(crate) use closed;
