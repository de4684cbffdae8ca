//! The kinds of mutex, and who holds one.

use rawipc::Deadline;
use rawipc::members::{Member, Region};
use rawipc::memory::Shared;
use rawipc::sync::robust::{self, PiMutex, PiThread, Thread};
use rawipc::sync::{LockError, Mutex, MutexGuard, MutexHolder};

pub(crate) type Guard<'a, K, T> = MutexGuard<'a, T, <K as Kind<T>>::Holder>;
pub(crate) type Locked<'a, K, T> = Result<Guard<'a, K, T>, LockError<Guard<'a, K, T>>>;

/// A kind of mutex, around a `T`.
pub(crate) trait Kind<T>: Sized + 'static {
    type Mutex: Shared + 'static;
    type Me: 'static;
    type Holder: MutexHolder + 'static;
    const NAME: &'static str;

    fn me(region: &Region) -> Option<Self::Me>;
    fn lock_until<'a>(
        mutex: &'a Self::Mutex,
        me: &'a Self::Me,
        deadline: Deadline,
    ) -> Locked<'a, Self, T>;
    fn try_lock<'a>(mutex: &'a Self::Mutex, me: &'a Self::Me) -> Locked<'a, Self, T>;
}

pub(crate) struct ByMember;
pub(crate) struct ByThread;
pub(crate) struct Inheriting;

fn member(region: &Region) -> Option<Member> {
    region.join().ok()
}

/// Where a child was made without libc, libc has no list.
fn thread(_region: &Region) -> Option<Thread> {
    // SAFETY: the list is libc's; only this test's processes write the memory, which stays.
    let thread = unsafe { Thread::with_libc() };
    // SAFETY: as above, and nobody in such a child makes a list.
    thread.or_else(|_| unsafe { Thread::without_libc() }).ok()
}

macro_rules! kinds {
    ($value:ty: $($kind:ident, $mutex:ty, $me:ident by $find:ident, $holder:ident, $name:literal;)*) => {
        $(impl Kind<$value> for $kind {
            type Mutex = $mutex;
            type Me = $me;
            type Holder = $holder;
            const NAME: &'static str = $name;

            fn me(region: &Region) -> Option<$me> {
                $find(region)
            }

            fn lock_until<'a>(
                mutex: &'a $mutex,
                me: &'a $me,
                deadline: Deadline,
            ) -> Locked<'a, Self, $value> {
                mutex.lock_until(me, deadline)
            }

            fn try_lock<'a>(mutex: &'a $mutex, me: &'a $me) -> Locked<'a, Self, $value> {
                mutex.try_lock(me)
            }
        })*
    };
}

kinds! { [u64; 2]:
    ByMember, Mutex<[u64; 2]>, Member by member, Member, "mutex";
    ByThread, robust::Mutex<[u64; 2]>, Thread by thread, Thread, "robust mutex";
    Inheriting, PiMutex<[u64; 2]>, Thread by thread, PiThread, "PI mutex";
}

kinds! { u64:
    ByMember, Mutex<u64>, Member by member, Member, "mutex";
    Inheriting, PiMutex<u64>, Thread by thread, PiThread, "PI mutex";
}
