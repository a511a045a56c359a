//! What the config says of services of files; `config` calls this.

use schema::compat;
use schema::workerd_capnp as schema_capnp;

use super::config::{Errors, read_flags};
use super::fields::{optional, read_designator, text};
use crate::files::{AssetsSpec, DiskSpec};
use crate::net::Plain;

pub fn read_disk(
    disk: schema_capnp::disk_directory::Reader<'static>,
) -> Result<DiskSpec, capnp::Error> {
    Ok(DiskSpec {
        path: text(disk.get_path()?)?.into(),
        writable: disk.get_writable(),
        dotfiles: disk.get_allow_dotfiles(),
    })
}

/// An assets service, or what is wrong with its flags, which are those of the worker behind it if there is one.
pub fn read_assets(
    root: schema_capnp::config::Reader<'static>,
    assets: schema_capnp::assets_service::Reader<'static>,
    options: &ipc::Options,
) -> Result<Result<Plain, Errors>, capnp::Error> {
    use schema_capnp::service::Which;
    let (mut date, mut flags) = (
        assets.get_compatibility_date(),
        assets.get_compatibility_flags()?,
    );
    let worker = match assets.has_user_worker() {
        true => Some(read_designator(assets.get_user_worker()?)?),
        false => None,
    };
    for service in root.get_services()? {
        if let Some(designator) = &worker
            && let Which::Worker(worker) = service.which()?
            && designator.service == text(service.get_name()?)?
        {
            let worker = worker?;
            (date, flags) = (
                worker.get_compatibility_date(),
                worker.get_compatibility_flags()?,
            );
        }
    }
    let flags = match read_flags(optional(date), flags, options)? {
        Ok(flags) => flags,
        Err(found) => return Ok(Err(found)),
    };
    let navigation = compat::field::ASSETS_SEC_FETCH_MODE_NAVIGATE_HEADER_PREFERS_ASSET_SERVING;
    let spec = AssetsSpec {
        path: text(assets.get_path()?)?.into(),
        config: optional(assets.get_config()).unwrap_or_default().to_owned(),
        navigation_prefers_assets: flags.get(navigation),
    };
    Ok(Ok(Plain::Assets(spec, worker)))
}
