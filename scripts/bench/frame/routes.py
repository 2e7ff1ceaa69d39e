"""Tables of routes made by chance, as edgekit's and as Envoy's configuration, and the requests that tell them apart.

A table is the routes of a few hosts of its own, so that one process of each side serves hundreds of tables. Ours has no
order: the closest host, path and conditions win. Envoy takes the first that fits; its list is ours, sorted by the
rule the manual states. Every route answers with its own number.
"""

import json
import random
import re
import socket

SEGMENTS = ["a", "a", "b", "ab", "users", "v1", "x-y", "42", "%20"]
METHODS = ["GET", "PUT", "DELETE", "OPTIONS"]
HEADERS = {"x-env": ["test", "prod", "te"], "x-user": ["7", "42", "bob"], "x-flag": ["", "on"]}
QUERY = {"v": ["1", "2"], "debug": ["", "1"], "q": ["a", "a b"]}
PATTERNS = ["/users/[0-9]+", "/[a-z]+/v[12]", "/(a|b)/.*", "/v[0-9]/[^/]+/x-y", "/.+%20.*", "/a(/b)?"]

# For every other host: who answers there is up.
READY = "/ready"


class Route:
    def __init__(self, dice, number, host):
        self.number, self.host = number, host
        self.kind = dice.choice(["exact", "prefix", "prefix", "prefix", "regex"])
        depth = dice.randint(0 if self.kind == "prefix" else 1, 2)
        self.path = "/" + "/".join(dice.choice(SEGMENTS) for _ in range(depth))
        if self.kind == "regex":
            self.path = dice.choice(PATTERNS)
        if self.kind == "exact" and dice.random() < 0.2:
            self.path += "/"
        self.methods = dice.sample(METHODS, dice.randint(1, 2)) if dice.random() < 0.25 else []
        self.headers = self.tests(dice, HEADERS, 0.25)
        self.query = [t for t in self.tests(dice, QUERY, 0.2) if t[1] != "absent"]

    @staticmethod
    def tests(dice, known, chance):
        names = [name for name in known if dice.random() < chance / 1.5]
        kinds = ["is", "is", "fits", "present", "absent"]
        return [(name, dice.choice(kinds), dice.choice([v for v in known[name] if v] or ["1"])) for name in names]

    def same_place(self):
        return self.host, self.kind, self.path if self.kind != "prefix" or self.path == "/" else self.path.rstrip("/")

    def asks(self):
        return {*self.headers, *(("?", *test) for test in self.query)}

    def clashes(self, other):
        """Neither is closer: a fault of a table of ours."""
        if self.same_place() != other.same_place() or bool(self.methods) != bool(other.methods):
            return False
        if self.methods and not set(self.methods) & set(other.methods):
            return False
        one, two = self.asks(), other.asks()
        return one == two or not (one < two or two < one)

    def sorts(self):
        """What Envoy must see first comes first."""
        kind = ["exact", "regex", "prefix"].index(self.kind)
        length = -len(self.path.rstrip("/") if self.kind == "prefix" else f"^{self.path}$")
        return kind, length if kind else 0, self.path if kind == 1 else "", not self.methods, -len(self.asks())

    def toml(self):
        key = {"exact": "path_exact", "prefix": "path", "regex": "path_regex"}[self.kind]
        path = f"^{self.path}$" if self.kind == "regex" else self.path
        lines = [f"[route.r{self.number}]", f"hosts = [{json.dumps(self.host)}]", f"{key} = {json.dumps(path)}"]
        lines += [f"methods = {json.dumps(self.methods)}"] if self.methods else []
        for name, tests, sign in (("headers", self.headers, ": "), ("query", self.query, "=")):
            said = {"is": "{0}{2}{1}", "fits": "{0} ~ ^{1}$", "present": "{0}", "absent": "!{0}"}
            said = [said[kind].format(field, value, sign) for field, kind, value in tests]
            lines += [f"{name} = {json.dumps(said)}"] if said else []
        return "\n".join([*lines, "status = 200", f'body = "{self.number}"', ""])

    def envoy(self):
        match = {"exact": {"path": self.path}, "regex": {"safe_regex": {"regex": self.path}}}.get(self.kind)
        short = self.path.rstrip("/")
        match = match or ({"path_separated_prefix": short} if short else {"prefix": "/"})
        value = {"is": lambda v: {"string_match": {"exact": v}}, "fits": lambda v: {"string_match": {"safe_regex": {"regex": v}}},
                 "present": lambda v: {"present_match": True}, "absent": lambda v: {"present_match": False}}
        headers = [{"name": name, **value[kind](v)} for name, kind, v in self.headers]
        if self.methods:
            headers.append({"name": ":method", "string_match": {"safe_regex": {"regex": "|".join(self.methods)}}})
        match["headers"] = headers
        match["query_parameters"] = [{"name": name, **value[kind](v)} for name, kind, v in self.query]
        return {"match": match, "direct_response": {"status": 200, "body": {"inline_string": str(self.number)}}}


class Table:
    def __init__(self, dice, number, first):
        self.name = f"t{number}.test"
        hosts = [f"a.{self.name}", f"*.{self.name}", f"*.b.{self.name}"]
        self.routes = []
        for _ in range(dice.randint(4, 24)):
            route = Route(dice, first + len(self.routes), dice.choice(hosts))
            if self.routes and dice.random() < 0.3:
                # One place, told apart by more than the place.
                like = dice.choice(self.routes)
                route.host, route.kind, route.path = like.same_place()
                route.headers += [test for test in like.headers if test[0] not in dict((t[0], t) for t in route.headers)]
            if not any(route.clashes(other) for other in self.routes):
                self.routes.append(route)

    def requests(self, dice, count):
        """(method, target, host, headers): near what some route asks for, and past it."""
        for _ in range(count):
            near = dice.choice(self.routes)
            host = near.host.replace("*", dice.choice(["a", "c", "c.b"]))
            path = "/" + "/".join(dice.choice(SEGMENTS) for _ in range(dice.randint(0, 3)))
            if near.kind != "regex" and dice.random() < 0.7:
                path = near.path + dice.choice(["", "", "/", "/a", "/42", "x", "//a"]) if near.path != "/" else path
            headers = {name: dice.choice(values) for name, values in HEADERS.items() if dice.random() < 0.4}
            query = {name: dice.choice(values) for name, values in QUERY.items() if dice.random() < 0.3}
            for chosen, tests in ((headers, near.headers), (query, near.query)):
                for name, kind, value in tests:
                    if dice.random() < 0.8 and kind != "absent":
                        chosen[name] = value
            asked = "&".join(f"{name}={value.replace(' ', '%20')}" for name, value in query.items())
            method = dice.choice(near.methods or METHODS)
            yield method, path + ("?" + asked if asked else ""), dice.choice([host, host.upper(), host + ":80"]), headers


def tables(count, seed):
    dice, made, first = random.Random(seed), [], 0
    for number in range(count):
        made.append(Table(dice, number, first))
        first += len(made[-1].routes)
    return made


def as_toml(made):
    ready = f'[route.ready]\npath_exact = "{READY}"\nstatus = 200\nbody = "ready"\n'
    return ready + "\n".join(route.toml() for table in made for route in table.routes)


def as_envoy(made, port, clusters=()):
    """A bootstrap; JSON is YAML too."""
    hosts = {}
    for table in made:
        for route in sorted(table.routes, key=Route.sorts):
            hosts.setdefault(route.host, []).append(route.envoy())
    ready = {"match": {"path": READY}, "direct_response": {"status": 200, "body": {"inline_string": "ready"}}}
    hosts["*"] = [ready]
    for cluster in clusters:
        policy = [{"header": {"header_name": "x-key"}}]
        route = {"cluster": cluster["name"], "hash_policy": policy}
        hosts[f"{cluster['name']}.keys"] = [{"match": {"prefix": "/"}, "route": route}]
    virtual = [{"name": host, "domains": [host], "routes": routes} for host, routes in hosts.items()]
    types = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{types}.http.router.v3.Router"}}
    manager = {"@type": f"{types}.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "a",
               "strip_any_host_port": True, "route_config": {"virtual_hosts": virtual}, "http_filters": [router]}
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    listener = {"address": address, "filter_chains": [{"filters": filters}]}
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


def keyed(balance, weights):
    """Our cluster of endpoints by weight, and Envoy's; keys are `x-key`. `weights` is by port."""
    ends = ", ".join(json.dumps(f"127.0.0.1:{p} weight={w}" if w > 1 else f"127.0.0.1:{p}") for p, w in weights.items())
    ours = f'[cluster.{balance}]\nendpoints = [{ends}]\nbalance = "{balance}"\nhash = "header:x-key"\n'
    address = lambda port: {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}
    hosts = [{"endpoint": address(p), "load_balancing_weight": w} for p, w in weights.items()]
    # The table is of the endpoints' shares of their locality; there is one.
    assigned = {"cluster_name": balance, "endpoints": [{"lb_endpoints": hosts}]}
    return ours, {"name": balance, "lb_policy": balance.upper(), "load_assignment": assigned}


class Asker:
    """One connection, kept."""

    def __init__(self, port):
        self.port, self.socket = port, None

    def ask(self, method, target, host, headers):
        """The number of the route, or the status."""
        if not self.socket:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            self.file = self.socket.makefile("rb")
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{n}: {v}" for n, v in headers.items())]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        status = self.file.readline().split(b" ", 2)[1].decode()
        length, closes = 0, False
        while (line := self.file.readline().strip()):
            length = int(found[1]) if (found := re.match(rb"(?i)content-length: *(\d+)", line)) else length
            closes |= line.lower() == b"connection: close"
        body = self.file.read(length).decode()
        if closes:
            self.socket.close()
            self.socket = None
        return body if status == "200" else status
