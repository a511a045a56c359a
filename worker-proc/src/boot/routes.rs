//! The way to objects: this process's own, or over a link to the process that owns them.
//!
//! Joins the actor host, placement and the links to the other processes.

use std::rc::Rc;

use crate::actors::{Host, Placement, Rendezvous, Routes};
use crate::bindings::caches;
use crate::dispatch::{Directory, Router};
use crate::peer::PeerLinks;
use crate::service::Designator;
use crate::service::websocket::Role;
use crate::service::{ActorId, Address, Designation, Namespace, Props, Service};
use crate::{http, net};

struct Owners {
    placement: Rendezvous,
    links: Rc<PeerLinks>,
}

/// Lets the host call objects of other processes, and other processes those of the host; the same for memory caches.
pub fn connect(host: &Rc<Host>, links: &Rc<PeerLinks>) {
    let owners = Rc::new(Owners {
        placement: Rendezvous::new(links.place().slots),
        links: links.clone(),
    });
    host.set_routes(owners.clone());
    if links.place().slots > 1 {
        caches::connect(owners);
    }
    let host = host.clone();
    links
        .local()
        .serve(Rc::new(move |address| match &*address.namespace {
            caches::NAMESPACE => caches::resolve(&address),
            _ => host.resolve(address),
        }));
}

/// Lets other processes name the services of this one's config.
pub fn name_services(router: &Rc<Router>, links: &PeerLinks) {
    let router = router.clone();
    links
        .local()
        .name_services(Rc::new(move |designation| match designation {
            Designation::Entrypoint {
                service,
                entrypoint,
                props,
            } => router.find(&Designator {
                service,
                entrypoint,
                props: props.map(Props::Json),
            }),
            Designation::Actor(address) => {
                let namespace = router.host().namespace(&address.namespace)?;
                Some(namespace.object(address.id, address.name))
            }
        }));
}

/// Lets other processes pass connections of WebSockets to this one, which counts those of its clients.
pub fn take_connections(links: &PeerLinks, server: &Rc<http::Server>) {
    let server = server.clone();
    links.local().take_connections(Rc::new(move |socket, role| {
        let stream = Box::new(net::Accepted::passed(socket)?);
        Ok(match role {
            Role::Server => server.adopt(stream),
            Role::Client => stream,
        })
    }));
}

impl caches::Peers for Owners {
    fn owner(&self, address: Address) -> Option<Rc<dyn Service>> {
        self.elsewhere(&address)
    }

    fn others(&self, address: Address) -> Vec<Rc<dyn Service>> {
        let place = self.links.place();
        let others = (0..place.slots).filter(|slot| *slot != place.slot);
        others
            .map(|slot| self.links.actor(slot, address.clone()))
            .collect()
    }
}

impl Routes for Owners {
    fn owns(&self, id: &ActorId) -> bool {
        self.placement.owner_of(id) == self.links.place().slot
    }

    fn elsewhere(&self, address: &Address) -> Option<Rc<dyn Service>> {
        let owner = self.placement.owner_of(&address.id);
        let elsewhere = owner != self.links.place().slot;
        elsewhere.then(|| self.links.actor(owner, address.clone()))
    }

    fn is_replaced(&self) -> bool {
        self.links.is_replaced()
    }

    fn successor(&self, address: &Address) -> Option<Rc<dyn Service>> {
        let replaced = self.links.is_replaced();
        replaced.then(|| self.links.successor(address.clone()))
    }

    fn has_predecessor(&self) -> bool {
        self.links.has_predecessor()
    }
}
