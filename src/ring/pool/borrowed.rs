//! A chunk as it is in a user's hands, the same at each kind of end: lent to be filled, or received to
//! be read.

/// Defines `Loan`, which borrows an `$End` as its field `$end`, and `Unsent`. The end has a part `end`
/// with `read_at`, `write_at`, `pointer` and `release`.
macro_rules! loan {
    ($(#[$doc:meta])* $End:ident, $end:ident) => {
        $(#[$doc])*
        ///
        /// # Examples
        ///
        /// Of a pool; one of a broadcast ring is filled and sent in the same way:
        ///
        /// ```
        /// use rawipc::ring::pool::{Class, Pool};
        ///
        /// let pool: Pool = Pool::create(&[Class { size: 4096, count: 4 }], 4)?;
        /// let producer = pool.producer()?;
        /// let mut loan = producer.try_loan(4096)?;
        /// loan.write_at(0, b"hello")?; // straight into the memory that all have
        /// loan.truncate(5);
        /// loan.send().map_err(|unsent| unsent.error)?;
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[must_use = "a loan is sent by `send`"]
        pub struct Loan<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
            $end: &'a $End<W, T>,
            held: Held,
        }

        impl<'a, W: Waiting, T: Trust> Loan<'a, W, T> {
            /// Returns the length of the message.
            #[must_use]
            pub fn len(&self) -> usize {
                self.held.len
            }

            /// Returns whether the message has no bytes.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.held.len == 0
            }

            /// Copies `bytes` to `offset` of the message.
            ///
            /// # Errors
            ///
            /// [`Error::TooLong`] if the message ends before; nothing is written.
            pub fn write_at(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
                self.$end.end.write_at(&self.held, offset, bytes)
            }

            /// Copies what is at `offset` of the message to fill `buffer`.
            ///
            /// # Errors
            ///
            /// [`Error::TooLong`] if the message ends before.
            pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<(), Error> {
                self.$end.end.read_at(&self.held, offset, buffer)
            }

            /// Shortens the message to `len` bytes; does nothing if it is not longer.
            pub fn truncate(&mut self, len: usize) {
                self.held.len = self.held.len.min(len);
            }

            fn sent(self, result: Result<(), Error>) -> Result<(), Unsent<'a, W, T>> {
                match result {
                    Ok(()) => {
                        // The chunk is the ring's.
                        let _ = ManuallyDrop::new(self);
                        Ok(())
                    }
                    Err(error) => Err(Unsent { error, loan: self }),
                }
            }

            /// Gives the chunk back unsent, as dropping the loan does.
            ///
            /// # Errors
            ///
            /// [`Error::Corrupt`] if somebody has written to the chunk's word.
            pub fn release(self) -> Result<(), Error> {
                let this = ManuallyDrop::new(self);
                this.$end.end.release(&this.held)
            }
        }

        impl<W: Waiting> Loan<'_, W, Trusted> {
            /// Borrows the message. It holds what former messages left. Empty in a forked child.
            #[must_use]
            pub fn as_slice(&self) -> &[u8] {
                let Some(first) = self.$end.end.pointer(&self.held) else {
                    return &[];
                };
                // SAFETY: so many bytes follow; mapped memory is initialized; nobody else writes there,
                // as the caller of `assume_trusted` vouches, and this loan is borrowed.
                unsafe { core::slice::from_raw_parts(first, self.held.len) }
            }

            /// Borrows the message, to be written in place. It holds what former messages left. Empty in
            /// a forked child.
            pub fn as_mut_slice(&mut self) -> &mut [u8] {
                let Some(first) = self.$end.end.pointer(&self.held) else {
                    return &mut [];
                };
                // SAFETY: as in `as_slice`, and this loan is borrowed alone.
                unsafe { core::slice::from_raw_parts_mut(first, self.held.len) }
            }
        }

        impl<W: Waiting, T: Trust> Drop for Loan<'_, W, T> {
            fn drop(&mut self) {
                // In a corrupt pool there is nobody to give it to.
                let _ = self.$end.end.release(&self.held);
            }
        }

        impl<W: Waiting, T: Trust> fmt::Debug for Loan<'_, W, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Loan")
                    .field("len", &self.held.len)
                    .finish_non_exhaustive()
            }
        }

        /// A message that was not sent, and why.
        ///
        /// # Examples
        ///
        /// Of a pool with room for two messages under way:
        ///
        /// ```
        /// use rawipc::ring::Error;
        /// use rawipc::ring::pool::{Class, Pool};
        ///
        /// let pool: Pool = Pool::create(&[Class { size: 64, count: 8 }], 2)?;
        /// let (producer, consumer) = (pool.producer()?, pool.consumer()?);
        /// let mut sent = 0;
        /// let unsent = loop {
        ///     match producer.try_loan(8)?.try_send() {
        ///         Ok(()) => sent += 1,
        ///         Err(unsent) => break unsent,
        ///     }
        /// };
        /// assert_eq!((sent, unsent.error), (2, Error::WouldBlock));
        /// drop(consumer.recv()?); // now there is room
        /// unsent.loan.try_send().map_err(|unsent| unsent.error)?;
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Debug)]
        pub struct Unsent<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
            /// Why it was not sent.
            pub error: Error,
            /// The message, which can be sent again.
            pub loan: Loan<'a, W, T>,
        }

        /// Gives the chunk back.
        impl<W: Waiting, T: Trust> From<Unsent<'_, W, T>> for Error {
            fn from(unsent: Unsent<'_, W, T>) -> Self {
                unsent.error
            }
        }
    };
}

/// Defines `Received`, which borrows an `$End` as its field `$end`. The end has a part `end` with
/// `read_at`, `pointer` and `release`.
macro_rules! received {
    ($(#[$doc:meta])* $End:ident, $end:ident) => {
        $(#[$doc])*
        ///
        /// # Examples
        ///
        /// Of a pool; one of a broadcast ring is read in the same way:
        ///
        /// ```
        /// use rawipc::ring::pool::{Class, Pool};
        ///
        /// let pool: Pool = Pool::create(&[Class { size: 4096, count: 4 }], 4)?;
        /// let (producer, consumer) = (pool.producer()?, pool.consumer()?);
        /// let mut loan = producer.loan(5)?;
        /// loan.write_at(0, b"hello")?;
        /// loan.send().map_err(|unsent| unsent.error)?;
        ///
        /// let received = consumer.recv()?;
        /// let mut first = [0; 1];
        /// received.read_at(0, &mut first)?; // no more is copied
        /// assert_eq!((&first, received.len()), (b"h", 5));
        /// received.release()?; // the chunk can be lent again
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        pub struct Received<'a, W: Waiting = SpinThenFutex, T: Trust = Untrusted> {
            $end: &'a $End<W, T>,
            held: Held,
        }

        impl<W: Waiting, T: Trust> Received<'_, W, T> {
            /// Returns the length of the message.
            #[must_use]
            pub fn len(&self) -> usize {
                self.held.len
            }

            /// Returns whether the message has no bytes.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.held.len == 0
            }

            /// Copies the whole message to the beginning of `buffer`, and returns its length.
            ///
            /// # Errors
            ///
            /// [`Error::TooLong`] if the message is longer.
            pub fn copy_to(&self, buffer: &mut [u8]) -> Result<usize, Error> {
                let (len, limit) = (self.held.len, buffer.len());
                let whole = buffer.get_mut(..len).ok_or(Error::TooLong { len, limit })?;
                self.read_at(0, whole)?;
                Ok(len)
            }

            /// Copies what is at `offset` of the message to fill `buffer`.
            ///
            /// # Errors
            ///
            /// [`Error::TooLong`] if the message ends before.
            pub fn read_at(&self, offset: usize, buffer: &mut [u8]) -> Result<(), Error> {
                self.$end.end.read_at(&self.held, offset, buffer)
            }

            /// Gives the chunk back to the pool, as dropping the message does.
            ///
            /// # Errors
            ///
            /// [`Error::Corrupt`] if somebody has written to the chunk's word.
            pub fn release(self) -> Result<(), Error> {
                let this = ManuallyDrop::new(self);
                this.$end.end.release(&this.held)
            }
        }

        impl<W: Waiting> Received<'_, W, Trusted> {
            /// Borrows the message where it lies. Empty in a forked child.
            #[must_use]
            pub fn as_slice(&self) -> &[u8] {
                let Some(first) = self.$end.end.pointer(&self.held) else {
                    return &[];
                };
                // SAFETY: so many bytes follow; mapped memory is initialized; nobody writes there before
                // the release, as the caller of `assume_trusted` vouches.
                unsafe { core::slice::from_raw_parts(first, self.held.len) }
            }
        }

        impl<W: Waiting, T: Trust> Drop for Received<'_, W, T> {
            fn drop(&mut self) {
                // In a corrupt pool there is nobody to give it to.
                let _ = self.$end.end.release(&self.held);
            }
        }

        impl<W: Waiting, T: Trust> fmt::Debug for Received<'_, W, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Received")
                    .field("len", &self.held.len)
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(in crate::ring) use {loan, received};
