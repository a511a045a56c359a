//! Where a client can connect to.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

use crate::DEADLINE;

/// An address of a server.
#[derive(Clone, Debug)]
pub enum Address {
    /// A TCP port of this machine.
    Loopback(u16),
    /// A Unix socket in the file system.
    Unix(PathBuf),
    /// A Unix socket without a file.
    UnixAbstract(String),
}

/// A connected stream.
pub trait Stream: Read + Write + Send {
    /// No more will be written.
    fn end(&self) -> io::Result<()>;
    /// The same stream, to write from another thread.
    fn sender(&self) -> io::Result<Box<dyn Write + Send>>;
    /// Bounds each read.
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()>;
    /// Has the stream reset when it is dropped, where its kind knows that.
    fn reset_on_drop(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn sender(&self) -> io::Result<Box<dyn Write + Send>> {
        Ok(Box::new(self.try_clone()?))
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(timeout))
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        let at_once = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(self, sockopt::Linger, &at_once).map_err(io::Error::from)
    }
}

impl Stream for UnixStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn sender(&self) -> io::Result<Box<dyn Write + Send>> {
        Ok(Box::new(self.try_clone()?))
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(timeout))
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Address {
    /// Connects to it.
    pub fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Loopback(port) => {
                let stream = TcpStream::connect(("127.0.0.1", *port))?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(DEADLINE))?;
                stream.set_write_timeout(Some(DEADLINE))?;
                Ok(Box::new(stream))
            }
            Self::Unix(path) => Self::unix(UnixStream::connect(path)?),
            Self::UnixAbstract(name) => Self::unix(UnixStream::connect_addr(
                &SocketAddr::from_abstract_name(name)?,
            )?),
        }
    }

    fn unix(stream: UnixStream) -> io::Result<Box<dyn Stream>> {
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(Box::new(stream))
    }
}
