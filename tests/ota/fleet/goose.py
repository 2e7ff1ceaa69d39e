"""gooseBit with one device and one bundle assigned to it, for tests and the bench of `edgekit ota run` (row 8.8).

    goose.py serve FOLDER PORT BUNDLE VERSION TOKEN     serves until it is ended
    goose.py show FOLDER                                one object of JSON: what it knows of the device

Its upload takes two formats of bundles, by their first bytes, and refuses all others (422, "Software image header
cannot be parsed"). So the software is entered into its database by its own models, as its upload does after reading the
header; all that speaks with devices is untouched.
"""

import hashlib
import json
import os
import sqlite3
import sys
from pathlib import Path

def serve(folder, port, bundle, version, token):
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "GOOSEBIT_DB_URI": f"sqlite://{folder / 'db.sqlite3'}",
        "GOOSEBIT_ARTIFACTS_DIR": str(folder / "artifacts"),
        "GOOSEBIT_POLL_TIME": "00:00:01",
        "GOOSEBIT_DEVICE_AUTH__ENABLE": "true",
        "GOOSEBIT_DEVICE_AUTH__MODE": "strict",
    }
    os.chdir(folder)
    import uvicorn
    from goosebit import app
    from goosebit.db.config import TORTOISE_CONF
    from goosebit.db.models import Device, Hardware, Software, UpdateModeEnum
    from tortoise import Tortoise, run_async

    async def fill():
        await Tortoise.init(config=TORTOISE_CONF)
        await Tortoise.generate_schemas(safe=True)
        if not await Device.all().count():
            hardware = await Hardware.create(model="gw-2b", revision="default")
            data = bundle.read_bytes()
            software = await Software.create(
                uri=bundle.resolve().as_uri(), size=len(data), hash=hashlib.sha1(data).hexdigest(), version=version
            )
            await software.compatibility.add(hardware)
            assigned = {"assigned_software": software, "update_mode": UpdateModeEnum.ASSIGNED}
            await Device.create(id="gw-17", hardware=hardware, auth_token=token, **assigned)
        await Tortoise.close_connections()

    run_async(fill())
    uvicorn.run(app, host="127.0.0.1", port=port)


def show(folder):
    base = sqlite3.connect(f"file:{folder / 'db.sqlite3'}?mode=ro", uri=True)
    base.row_factory = sqlite3.Row
    device = base.execute("select d.*, h.model from device d join hardware h on h.id = d.hardware_id").fetchone()
    shown = {key: device[key] for key in ("sw_version", "progress", "last_log", "model")}
    shown["state"] = device["last_state"]
    print(json.dumps(shown))


if __name__ == "__main__":
    verb, folder, *rest = sys.argv[1:]
    if verb == "serve":
        port, bundle, version, token = rest
        serve(Path(folder).resolve(), int(port), Path(bundle), version, token)
    else:
        show(Path(folder).resolve())
