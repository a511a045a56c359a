//! Where a client can connect to.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;

use crate::DEADLINE;

/// An address of a server.
#[derive(Clone, Debug)]
pub enum Address {
    Loopback(u16),
    Unix(PathBuf),
    UnixAbstract(String),
}

/// A connected stream.
pub trait Stream: Read + Write + Send {
    /// No more will be written.
    fn end(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
}

impl Stream for UnixStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
}

impl Address {
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
