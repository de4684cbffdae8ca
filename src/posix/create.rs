//! What the options of all three kinds of objects have in common.

/// Gives options with the fields `mode` and `existing` what sets them, and their default.
macro_rules! create_options {
    ($options:ident) => {
        impl Default for $options {
            fn default() -> Self {
                Self::new()
            }
        }

        impl $options {
            /// Sets who may open it, less what the umask of the process forbids: mode 0600
            /// unless asked otherwise.
            ///
            /// Who creates it gets the descriptor that it asks for in any case. A semaphore
            /// needs both reading and writing: with one alone nobody can open it.
            pub const fn mode(mut self, mode: Mode) -> Self {
                self.mode = mode;
                self
            }

            /// Opens it as it is if it exists, whatever its mode and contents: without
            /// `O_EXCL`.
            pub const fn open_existing(mut self) -> Self {
                self.existing = true;
                self
            }
        }
    };
}
pub(super) use create_options;
