//! Raw file descriptors: packet and stream pairs, passing descriptors, sealed and shared memory.
//!
//! Called by `channel`, `handshake` and `peer`, and by the supervisor to make what it passes. The one module of this crate with
//! `unsafe`: everything it hands out owns its descriptor or its mapping.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};

/// One packet carries at most this many descriptors; the kernel's bound (`SCM_MAX_FD`) is 253.
pub const MAX_FDS_PER_PACKET: usize = 200;

const SEALS: SealFlag = SealFlag::F_SEAL_SEAL
    .union(SealFlag::F_SEAL_SHRINK)
    .union(SealFlag::F_SEAL_GROW)
    .union(SealFlag::F_SEAL_WRITE);

/// Two connected ends that keep packets whole and report the other end's death. Close-on-exec, non-blocking.
pub fn packet_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        flags,
    )?)
}

/// Two connected ends of a stream of bytes, on which many small messages go in one write. Close-on-exec, non-blocking.
pub fn stream_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socketpair(
        AddressFamily::Unix,
        SockType::Stream,
        None,
        flags,
    )?)
}

/// Sends what there is room for: how many bytes. The descriptors go with the first of them.
pub fn send_bytes(socket: BorrowedFd, bytes: &[u8], fds: &[OwnedFd]) -> io::Result<usize> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &rights[..] };
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    let sent = sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(bytes)],
        control,
        flags,
        None,
    )?;
    Ok(sent)
}

/// Sends one packet with its descriptors.
pub fn send_packet(socket: BorrowedFd, packet: &[u8], fds: &[BorrowedFd]) -> io::Result<()> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &rights[..] };
    let iov = [IoSlice::new(packet)];
    sendmsg::<()>(
        socket.as_raw_fd(),
        &iov,
        control,
        MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT,
        None,
    )?;
    Ok(())
}

/// Receives one packet (or what a stream holds) into `buffer`: how many bytes, and the descriptors that came with them. Zero
/// bytes mean that the other end is closed.
pub fn receive_packet(socket: BorrowedFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = nix::cmsg_space!([RawFd; MAX_FDS_PER_PACKET]);
    let mut iov = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut iov, Some(&mut space), flags)?;
    let mut fds = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(received) = control {
            // SAFETY: the kernel has just made these descriptors for this process; nothing else owns them.
            fds.extend(
                received
                    .into_iter()
                    .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }),
            );
        }
    }
    if message
        .flags
        .intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC)
    {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a control packet is longer than the protocol allows",
        ));
    }
    Ok((message.bytes, fds))
}

/// Takes ownership of a descriptor that the process was started with. An error when it is not open. The standard streams are
/// copied, so that their numbers stay in use.
pub fn inherited(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: F_GETFD only looks the number up.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    if fd <= libc::STDERR_FILENO {
        // SAFETY: the standard streams stay open for as long as the process lives.
        return unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned();
    }
    // SAFETY: the descriptor is open, and was given to this process by number to own.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    set_inheritable(fd.as_fd(), false)?;
    Ok(fd)
}

/// Sets whether the descriptor stays open across `exec`.
pub fn set_inheritable(fd: BorrowedFd, inheritable: bool) -> io::Result<()> {
    let flags = if inheritable {
        FdFlag::empty()
    } else {
        FdFlag::FD_CLOEXEC
    };
    fcntl(fd, FcntlArg::F_SETFD(flags))?;
    Ok(())
}

/// Makes reads, writes and accepts on the descriptor return instead of wait.
pub fn set_nonblocking(fd: BorrowedFd) -> io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// A memory file with these bytes, padded to whole words, that nobody can change any more.
pub fn sealed_memory(name: &CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    let fd = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    file.write_all(&[0; 8][..bytes.len().next_multiple_of(8) - bytes.len()])?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS))?;
    Ok(file.into())
}

/// An empty memory file.
pub fn memory_file(name: &CStr) -> io::Result<OwnedFd> {
    Ok(memfd_create(name, MFdFlags::MFD_CLOEXEC)?)
}

/// Bytes of the secret that the processes of a server share.
pub const SECRET_BYTES: usize = 32;

/// The file that all processes of a server have, to lock bytes of. It begins with their secret.
///
/// # Errors
/// There is no memory, or no randomness.
pub fn shared_file() -> io::Result<OwnedFd> {
    let mut secret = [0; SECRET_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut secret)?;
    let mut file = File::from(memory_file(c"shared")?);
    file.write_all(&secret)?;
    Ok(file.into())
}

/// A memory file that is mapped whole, as so many of `T`.
struct Region<T: 'static> {
    /// There for as long as the region is, which no borrow of it outlives.
    items: &'static [T],
}

impl<T> Region<T> {
    /// `T` has no bytes that are wrong, and none that change unless it is made of atomics.
    fn new(fd: BorrowedFd, protection: ProtFlags) -> io::Result<Self> {
        let size = nix::sys::stat::fstat(fd)?.st_size;
        let count = usize::try_from(size).map_err(io::Error::other)? / size_of::<T>();
        let Some(bytes) = NonZeroUsize::new(count * size_of::<T>()) else {
            return Ok(Self { items: &[] });
        };
        // SAFETY: a new mapping of so many bytes of a file that cannot shrink; it is unmapped only by `drop`.
        let items = unsafe {
            let start = mmap(None, bytes, protection, MapFlags::MAP_SHARED, fd, 0)?;
            std::slice::from_raw_parts(start.as_ptr().cast(), count)
        };
        Ok(Self { items })
    }
}

impl<T> Drop for Region<T> {
    fn drop(&mut self) {
        if !self.items.is_empty() {
            // SAFETY: unmaps what `new` has mapped; no borrow of it outlives `self`.
            let _ = unsafe { munmap(NonNull::from(self.items).cast(), size_of_val(self.items)) };
        }
    }
}

fn check_seals(fd: BorrowedFd, wanted: SealFlag) -> io::Result<()> {
    let seals = SealFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GET_SEALS)?);
    match seals.contains(wanted) {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the memory file is not sealed",
        )),
    }
}

/// A sealed memory file, mapped read-only.
pub struct Mapping(Region<u8>);

impl Mapping {
    /// Maps the whole file. It must carry the seals of [`sealed_memory`]: without them its owner could change it under us.
    pub fn new(fd: BorrowedFd) -> io::Result<Self> {
        check_seals(fd, SEALS)?;
        Region::new(fd, ProtFlags::PROT_READ).map(Self)
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.items
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapping({} bytes)", self.len())
    }
}

/// What several processes may write to at once: it is made of atomics alone, and any bytes are one.
///
/// # Safety
/// Whoever says so of a type has seen to both.
pub unsafe trait Atomics: Sync + 'static {}

/// A memory file that holds one `T`, which processes share.
pub struct Shared<T: Atomics> {
    file: OwnedFd,
    region: Region<T>,
}

/// Seals of a file whose bytes change and whose size does not.
const SIZE_SEALS: SealFlag = SealFlag::F_SEAL_SEAL
    .union(SealFlag::F_SEAL_SHRINK)
    .union(SealFlag::F_SEAL_GROW);

impl<T: Atomics> Shared<T> {
    /// A new one, all zeros.
    pub fn create(name: &CStr) -> io::Result<Self> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let file = memfd_create(name, flags)?;
        let size = libc::off_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
        nix::unistd::ftruncate(&file, size)?;
        fcntl(&file, FcntlArg::F_ADD_SEALS(SIZE_SEALS))?;
        Self::open(file)
    }

    /// One that another process has made.
    ///
    /// # Errors
    /// It could shrink, or is no `T`.
    pub fn open(file: OwnedFd) -> io::Result<Self> {
        check_seals(file.as_fd(), SIZE_SEALS)?;
        if nix::sys::stat::fstat(&file)?.st_size != size_of::<T>() as libc::off_t {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the shared memory is of another size",
            ));
        }
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let region = Region::new(file.as_fd(), protection)?;
        Ok(Self { file, region })
    }

    /// The file, to be given to another process.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl<T: Atomics> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.region.items[0]
    }
}

impl<T: Atomics> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({})", self.file.as_raw_fd())
    }
}

/// The same memory, seen as bytes to write to.
pub fn bytes_of_words_mut(words: &mut [u64]) -> &mut [u8] {
    let length = size_of_val(words);
    // SAFETY: initialised memory of the same length and lifetime, borrowed mutably; any bytes are a word.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), length) }
}

/// The same memory, seen as bytes.
pub fn bytes_of_words(words: &[u64]) -> &[u8] {
    // SAFETY: initialised memory of the same length and lifetime; bytes have no alignment.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_carry_descriptors() {
        let (a, b) = packet_pair().unwrap();
        let memory = sealed_memory(c"test", b"hello").unwrap();
        send_packet(a.as_fd(), b"packet", &[memory.as_fd(), memory.as_fd()]).unwrap();
        let mut buffer = [0; 16];
        let (length, fds) = receive_packet(b.as_fd(), &mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"packet");
        assert_eq!(fds.len(), 2);
        assert_eq!(&*Mapping::new(fds[1].as_fd()).unwrap(), b"hello\0\0\0");
    }

    #[test]
    fn an_empty_channel_blocks_and_a_closed_one_ends() {
        let (a, b) = packet_pair().unwrap();
        let mut buffer = [0; 16];
        let error = receive_packet(b.as_fd(), &mut buffer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(a);
        assert_eq!(receive_packet(b.as_fd(), &mut buffer).unwrap().0, 0);
    }

    #[test]
    fn a_packet_too_long_is_an_error() {
        let (a, b) = packet_pair().unwrap();
        send_packet(a.as_fd(), b"0123456789", &[]).unwrap();
        let error = receive_packet(b.as_fd(), &mut [0; 4]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn sealed_memory_cannot_be_written() {
        let memory = sealed_memory(c"test", b"12345678").unwrap();
        let error = File::from(memory).write(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn unsealed_memory_is_not_mapped() {
        let fd =
            memfd_create(c"test", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).unwrap();
        assert!(Mapping::new(fd.as_fd()).is_err());
    }

    #[test]
    fn empty_memory_maps_to_nothing() {
        let memory = sealed_memory(c"test", b"").unwrap();
        assert_eq!(&*Mapping::new(memory.as_fd()).unwrap(), b"");
    }

    #[test]
    fn a_closed_descriptor_is_not_inherited() {
        assert_eq!(
            inherited(1_000_000).unwrap_err().raw_os_error(),
            Some(libc::EBADF)
        );
        assert!(inherited(-1).is_err());
    }
}
