"""Certificates for the bench, and proxies that speak TLS with them, beside those of proxies.py."""

import ssl
import subprocess

from . import proxies as px


class World:
    """An authority and one certificate for everybody, by openssl."""

    def __init__(self, folder):
        self.folder = folder
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        ca, pair = [folder / "ca.pem", folder / "ca.key"], [folder / "pair.pem", folder / "pair.key"]
        def run(*words):
            subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
        run("req", "-x509", *curve, "-keyout", ca[1], "-out", ca[0], "-days", "30", "-subj", "/CN=bench")
        run("req", *curve, "-keyout", pair[1], "-out", folder / "request", "-subj", "/CN=a.example")
        (folder / "names").write_text("subjectAltName=DNS:a.example,IP:127.0.0.1\n")
        run("x509", "-req", "-in", folder / "request", "-CA", *ca[:1], "-CAkey", ca[1], "-CAcreateserial",
            "-days", "30", "-extfile", folder / "names", "-out", pair[0])
        pair[1].chmod(0o600)
        self.ca, (self.cert, self.key) = ca[0], pair
        # HAProxy wants both in one file.
        self.both = folder / "both.pem"
        self.both.write_text(self.cert.read_text() + self.key.read_text())
        self.both.chmod(0o600)
        self.context = ssl.create_default_context(cafile=self.ca)
        self.context.check_hostname = False
        self.mutual = ssl.create_default_context(cafile=self.ca)
        self.mutual.check_hostname = False
        self.mutual.load_cert_chain(self.cert, self.key)

    def ours(self, binary, name, more, mutual=False, **how):
        """Ours with TLS; `more` is routes and clusters."""
        own = f'tls.cert_files = ["{self.cert}"]\ntls.key_files = ["{self.key}"]\n'
        own += f'tls.client_ca_file = "{self.ca}"\n' if mutual else ""
        context = self.mutual if mutual else self.context
        return px.ours(binary, self.folder, name, own + more, secure=context, **how)

    def to(self, origin, proves=True):
        """A cluster that is spoken TLS with, and a route to it."""
        own = f'tls.cert_file = "{self.cert}"\ntls.key_file = "{self.key}"\n' if proves else ""
        return (f'[cluster.o]\nendpoints = ["127.0.0.1:{origin}"]\ntls.enabled = true\n'
                f'tls.server_name = "a.example"\ntls.roots = "{self.ca}"\n{own}[route.all]\ncluster = "o"\n')

    def nginx(self, name, location, mutual=False, more="", cpu=px.PROXY_CPU):
        tls = f"ssl_certificate {self.cert}; ssl_certificate_key {self.key}; ssl_protocols TLSv1.3;"
        tls += f"ssl_client_certificate {self.ca}; ssl_verify_client on;" if mutual else ""
        context = self.mutual if mutual else self.context
        return px.nginx(self.folder, name, px.free_port(), location, more, cpu, tls=tls, secure=context)

    def haproxy(self, origin):
        bind = f"ssl crt {self.both} ssl-min-ver TLSv1.3"
        return px.haproxy(self.folder, origin, "haproxy-tls", bind, secure=self.context)

    def envoy(self, binary, origin, mutual=False):
        files = lambda path: f"{{ filename: {path} }}"
        common = f"tls_certificates: [{{ certificate_chain: {files(self.cert)}, private_key: {files(self.key)} }}]"
        # Towards servers it stays at 1.2 unless told.
        common += ", tls_params: { tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3 }"
        if mutual:
            common += f", validation_context: {{ trusted_ca: {files(self.ca)} }}"
        def socket(side, more):
            kind = f"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{side}TlsContext"
            inside = f'{{ "@type": {kind}, common_tls_context: {{ {common} }}{more} }}'
            return f"{{ name: tls, typed_config: {inside} }}"
        down = socket("Downstream", ", require_client_certificate: true" if mutual else "")
        up = socket("Upstream", ", sni: a.example") if mutual else ""
        context = self.mutual if mutual else self.context
        return px.envoy(binary, self.folder, origin, f"envoy-{'m' if mutual else ''}tls", down, up, context)
