//! Sending messages with what is beside them, or several at once: [`Datagram`](super::Datagram)
//! and [`Seqpacket`](super::Seqpacket) do it alike.

/// Defines these calls of a kind of socket that keeps messages apart.
macro_rules! define_sending {
    ($Kind:ident) => {
        impl $Kind {
            /// Sends one message with the descriptors and credentials in `outgoing`:
            /// `sendmsg(2)`.
            ///
            /// # Errors
            ///
            /// Those of [`send`](Self::send); [`Errno::MSGSIZE`](crate::Errno::MSGSIZE) also
            /// for more than 1024 slices. [`Errno::INVAL`](crate::Errno::INVAL): more than
            /// [`MAX_DESCRIPTORS`](crate::socket::message::MAX_DESCRIPTORS);
            /// [`Errno::TOOMANYREFS`](crate::Errno::TOOMANYREFS) and
            /// [`Errno::PERM`](crate::Errno::PERM): see
            /// [`Outgoing`](crate::socket::message::Outgoing).
            ///
            /// # Examples
            ///
            /// See [`message`](crate::socket::message).
            #[doc(alias = "sendmsg")]
            pub fn send_message(
                &self,
                bytes: &[$crate::IoSlice<'_>],
                outgoing: &$crate::socket::message::Outgoing<'_>,
            ) -> $crate::Result<()> {
                self.send_message_with(bytes, outgoing, $crate::wait::patience::Patience::Blocking)
            }

            /// Like [`send_message`](Self::send_message), but returns
            /// [`Errno::AGAIN`](crate::Errno::AGAIN) instead of blocking.
            ///
            /// # Errors
            ///
            /// Those of [`send_message`](Self::send_message), and
            /// [`Errno::AGAIN`](crate::Errno::AGAIN): there is no room.
            pub fn try_send_message(
                &self,
                bytes: &[$crate::IoSlice<'_>],
                outgoing: &$crate::socket::message::Outgoing<'_>,
            ) -> $crate::Result<()> {
                self.send_message_with(bytes, outgoing, $crate::wait::patience::Patience::Try)
            }

            /// Like [`send_message`](Self::send_message), but gives up at `deadline` with
            /// [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
            ///
            /// # Errors
            ///
            /// Those of [`send_message`](Self::send_message), and
            /// [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
            pub fn send_message_until(
                &self,
                bytes: &[$crate::IoSlice<'_>],
                outgoing: &$crate::socket::message::Outgoing<'_>,
                deadline: $crate::Deadline,
            ) -> $crate::Result<()> {
                self.send_message_with(
                    bytes,
                    outgoing,
                    $crate::wait::patience::Patience::Until(deadline),
                )
            }

            fn send_message_with(
                &self,
                bytes: &[$crate::IoSlice<'_>],
                outgoing: &$crate::socket::message::Outgoing<'_>,
                patience: $crate::wait::patience::Patience,
            ) -> $crate::Result<()> {
                let fd = $crate::AsFd::as_fd(self);
                $crate::socket::transfer::send_message(fd, bytes, outgoing, None, patience)
                    .map(drop)
            }

            /// Sends several messages in order, one from each slice of `messages`, and returns
            /// how many were sent: `sendmmsg(2)`.
            ///
            /// Fewer than all when something ended it after the first; the next call says what.
            ///
            /// # Errors
            ///
            /// Those of [`send`](Self::send), of the first message.
            ///
            /// # Examples
            ///
            /// See [`many`](crate::socket::many).
            #[doc(alias = "sendmmsg")]
            pub fn send_many(&self, messages: &[$crate::IoSlice<'_>]) -> $crate::Result<usize> {
                self.send_many_with(messages, $crate::wait::patience::Patience::Blocking)
            }

            /// Like [`send_many`](Self::send_many), but returns
            /// [`Errno::AGAIN`](crate::Errno::AGAIN) instead of blocking.
            ///
            /// # Errors
            ///
            /// Those of [`send_many`](Self::send_many), and
            /// [`Errno::AGAIN`](crate::Errno::AGAIN): there is no room for the first.
            pub fn try_send_many(&self, messages: &[$crate::IoSlice<'_>]) -> $crate::Result<usize> {
                self.send_many_with(messages, $crate::wait::patience::Patience::Try)
            }

            /// Like [`send_many`](Self::send_many), but gives up at `deadline` with
            /// [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
            ///
            /// # Errors
            ///
            /// Those of [`send_many`](Self::send_many), and
            /// [`Errno::TIMEDOUT`](crate::Errno::TIMEDOUT).
            pub fn send_many_until(
                &self,
                messages: &[$crate::IoSlice<'_>],
                deadline: $crate::Deadline,
            ) -> $crate::Result<usize> {
                self.send_many_with(messages, $crate::wait::patience::Patience::Until(deadline))
            }

            fn send_many_with(
                &self,
                messages: &[$crate::IoSlice<'_>],
                patience: $crate::wait::patience::Patience,
            ) -> $crate::Result<usize> {
                $crate::socket::many::send_many($crate::AsFd::as_fd(self), messages, None, patience)
            }
        }
    };
}

pub(super) use define_sending;
