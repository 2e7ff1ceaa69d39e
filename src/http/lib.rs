//! HTTP where it is not hot: server and client on hyper.
