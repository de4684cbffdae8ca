//! [`lock_api`]: its mutex and its lock for readers and a writer, on locks that know who holds them.
//!
//! The crate `lock_api` is re-exported as [`api`], so that both are of one version. [`Mutex`] and [`RwLock`]
//! are its locks with the raw ones of this module; what their guards mean when a process is killed is said
//! there.
//!
//! What `lock_api` has besides is not there, as these locks cannot do it: to hand a lock to who waits
//! longest (`RawMutexFair`, `RawRwLockFair`), to read again while one reads already (`RawRwLockRecursive`: it
//! is told as a deadlock), and to read with the right to write later (`RawRwLockUpgrade`).
//!
//! [`lock_api`]: https://docs.rs/lock_api

mod current;
mod mutex;
mod rwlock;

pub use ::lock_api as api;

pub use current::CurrentMember;
pub use mutex::RawMutex;
pub use rwlock::RawRwLock;

/// A mutex on a `T` of this program, as `lock_api` has it, by [`RawMutex`].
///
/// ```
/// # use rawipc::adapters::lock_api::CurrentMember;
/// # use rawipc::members::{Member, Region};
/// # use std::{mem::ManuallyDrop, sync::LazyLock};
/// # static REGION: LazyLock<Region> = LazyLock::new(|| Region::create(0).unwrap());
/// # std::thread_local! {
/// #     static ME: ManuallyDrop<Member> = ManuallyDrop::new(REGION.join().unwrap());
/// # }
/// # struct Me;
/// # // SAFETY: members of one region, never dropped, of this process alone.
/// # unsafe impl CurrentMember for Me {
/// #     fn with<R>(f: impl FnOnce(&Member) -> R) -> R {
/// #         ME.with(|me| f(me))
/// #     }
/// # }
/// use rawipc::adapters::lock_api::Mutex;
///
/// let total = Mutex::<Me, u64>::new(1); // `Me` as for `RawMutex`
/// *total.lock() += 1;
/// assert_eq!(total.into_inner(), 2);
/// ```
pub type Mutex<C, T> = api::Mutex<RawMutex<C>, T>;

/// A [`Mutex`] that is held as long as this is there.
///
/// If the process is killed meanwhile the value stays as it is then, perhaps half changed; nobody gets the
/// lock before one has repaired it, unless [`CurrentMember::PROCEEDS_AFTER_DEATH`]. A panic is no death: the
/// guard gives the lock back, and nobody is told. To forget it (`mem::forget`) keeps the lock; a dropped member
/// that still holds it counts as dead. In a forked child the guard means nothing: dropping it there does
/// nothing, and to look through it is to look at what its parent may be changing.
///
/// ```
/// # use rawipc::adapters::lock_api::CurrentMember;
/// # use rawipc::members::{Member, Region};
/// # use std::{mem::ManuallyDrop, sync::LazyLock};
/// # static REGION: LazyLock<Region> = LazyLock::new(|| Region::create(0).unwrap());
/// # std::thread_local! {
/// #     static ME: ManuallyDrop<Member> = ManuallyDrop::new(REGION.join().unwrap());
/// # }
/// # struct Me;
/// # // SAFETY: members of one region, never dropped, of this process alone.
/// # unsafe impl CurrentMember for Me {
/// #     fn with<R>(f: impl FnOnce(&Member) -> R) -> R {
/// #         ME.with(|me| f(me))
/// #     }
/// # }
/// use rawipc::adapters::lock_api::{Mutex, MutexGuard};
///
/// fn count(mut total: MutexGuard<'_, Me, u64>) {
///     *total += 1;
/// }
///
/// let total = Mutex::<Me, u64>::new(1); // `Me` as for `RawMutex`
/// count(total.lock());
/// assert_eq!(*total.lock(), 2);
/// ```
pub type MutexGuard<'a, C, T> = api::MutexGuard<'a, RawMutex<C>, T>;

/// A lock for many readers or one writer on a `T` of this program, as `lock_api` has it, by
/// [`RawRwLock`], which prefers writers and has 32 lines for readers. Others are an
/// `api::RwLock<RawRwLock<C, P, READERS>, T>`.
///
/// ```
/// # use rawipc::adapters::lock_api::CurrentMember;
/// # use rawipc::members::{Member, Region};
/// # use std::{mem::ManuallyDrop, sync::LazyLock};
/// # static REGION: LazyLock<Region> = LazyLock::new(|| Region::create(0).unwrap());
/// # std::thread_local! {
/// #     static ME: ManuallyDrop<Member> = ManuallyDrop::new(REGION.join().unwrap());
/// # }
/// # struct Me;
/// # // SAFETY: members of one region, never dropped, of this process alone.
/// # unsafe impl CurrentMember for Me {
/// #     fn with<R>(f: impl FnOnce(&Member) -> R) -> R {
/// #         ME.with(|me| f(me))
/// #     }
/// # }
/// use rawipc::adapters::lock_api::RwLock;
///
/// let names = RwLock::<Me, Vec<&str>>::new(vec![]); // `Me` as for `RawMutex`
/// names.write().push("ring");
/// assert_eq!(*names.read(), ["ring"]);
/// ```
pub type RwLock<C, T> = api::RwLock<RawRwLock<C>, T>;

/// A [`RwLock`] that is held for reading as long as this is there.
///
/// If the process is killed meanwhile nobody notices: writers go on, those who slept already within
/// [`RECHECK`](crate::sync::RECHECK), and are told nothing; but of a reader without a line as of a writer. To
/// forget the guard keeps writers out until its member is dropped. In a forked child it means nothing:
/// dropping it there does nothing.
///
/// ```
/// # use rawipc::adapters::lock_api::CurrentMember;
/// # use rawipc::members::{Member, Region};
/// # use std::{mem::ManuallyDrop, sync::LazyLock};
/// # static REGION: LazyLock<Region> = LazyLock::new(|| Region::create(0).unwrap());
/// # std::thread_local! {
/// #     static ME: ManuallyDrop<Member> = ManuallyDrop::new(REGION.join().unwrap());
/// # }
/// # struct Me;
/// # // SAFETY: members of one region, never dropped, of this process alone.
/// # unsafe impl CurrentMember for Me {
/// #     fn with<R>(f: impl FnOnce(&Member) -> R) -> R {
/// #         ME.with(|me| f(me))
/// #     }
/// # }
/// use rawipc::adapters::lock_api::{RwLock, RwLockReadGuard};
///
/// fn longest<'a>(names: &'a RwLockReadGuard<'_, Me, Vec<&str>>) -> Option<&'a &'a str> {
///     names.iter().max_by_key(|name| name.len())
/// }
///
/// let names = RwLock::<Me, Vec<&str>>::new(vec!["ring", "mutex"]); // `Me` as for `RawMutex`
/// assert_eq!(longest(&names.read()), Some(&"mutex"));
/// ```
pub type RwLockReadGuard<'a, C, T> = api::RwLockReadGuard<'a, RawRwLock<C>, T>;

/// A [`RwLock`] that is held for writing as long as this is there.
///
/// What is said of the guard of a [`MutexGuard`] holds of it, for readers, too: if the process is killed
/// meanwhile nobody reads or writes before one has repaired the value, unless
/// [`CurrentMember::PROCEEDS_AFTER_DEATH`].
///
/// ```
/// # use rawipc::adapters::lock_api::CurrentMember;
/// # use rawipc::members::{Member, Region};
/// # use std::{mem::ManuallyDrop, sync::LazyLock};
/// # static REGION: LazyLock<Region> = LazyLock::new(|| Region::create(0).unwrap());
/// # std::thread_local! {
/// #     static ME: ManuallyDrop<Member> = ManuallyDrop::new(REGION.join().unwrap());
/// # }
/// # struct Me;
/// # // SAFETY: members of one region, never dropped, of this process alone.
/// # unsafe impl CurrentMember for Me {
/// #     fn with<R>(f: impl FnOnce(&Member) -> R) -> R {
/// #         ME.with(|me| f(me))
/// #     }
/// # }
/// use rawipc::adapters::lock_api::{RwLock, RwLockWriteGuard};
///
/// fn add(mut names: RwLockWriteGuard<'_, Me, Vec<&'static str>>) {
///     names.push("ring");
/// }
///
/// let names = RwLock::<Me, Vec<&str>>::new(vec![]); // `Me` as for `RawMutex`
/// add(names.write());
/// assert_eq!(*names.read(), ["ring"]);
/// ```
pub type RwLockWriteGuard<'a, C, T> = api::RwLockWriteGuard<'a, RawRwLock<C>, T>;
