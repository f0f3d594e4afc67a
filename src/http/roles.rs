//! The role check of the operator's listener. A table holds each route with the role that it needs, and a route cannot
//! be added without one.
//!
//! Never finds out who the caller is: [`super::operator`] does for programs and [`super::console`] for people, and both
//! leave a [`Caller`] with the request.

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{self, MethodRouter};
use http::Method;

use super::caller::Caller;
use super::state::OperatorState;
use crate::domain::access::Role;

/// One route: a method of a path, the role that it needs, and its handler.
pub(super) struct Row {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) needs: Role,
    route: MethodRouter<OperatorState>,
}

impl Row {
    pub(super) fn get<H, T>(needs: Role, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, OperatorState>,
        T: 'static,
    {
        Self { method: Method::GET, path, needs, route: routing::get(handler) }
    }

    pub(super) fn post<H, T>(needs: Role, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, OperatorState>,
        T: 'static,
    {
        Self { method: Method::POST, path, needs, route: routing::post(handler) }
    }
}

/// The router of these rows. A caller without the role gets the answer that `refuse` makes of the reason, and the
/// refusal is logged.
pub(super) fn router(rows: Vec<Row>, refuse: fn(&str) -> Response) -> Router<OperatorState> {
    rows.into_iter().fold(Router::new(), |router, row| {
        let Row { method, path, needs, route } = row;
        let check = from_fn(move |request: Request, next: Next| {
            let method = method.clone();
            async move {
                match request.extensions().get::<Caller>() {
                    Some(caller) if caller.grant.may(needs) => next.run(request).await,
                    Some(caller) => {
                        log(caller, &method, path, needs);
                        refuse(&caller.is_short_of(needs))
                    }
                    None => refuse("it is not known who asks"),
                }
            }
        });
        router.route(path, route.route_layer(check))
    })
}

/// Logs the path of the table and never the request's own, which may hold a customer's key.
fn log(caller: &Caller, method: &Method, path: &str, needs: Role) {
    let (access, by) = (caller.operator.access.name(), caller.operator.by.as_deref());
    let (role, needs) = (caller.grant.role.name(), needs.name());
    tracing::info!(
        target: "tandem::audit", action = "forbidden", access, by, role, needs, %method, path,
        "operator: {method} {path} needs the role {needs}, not {role}: refused"
    );
}

#[cfg(test)]
mod tests;
