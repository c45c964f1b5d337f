"""A desktop's notification service for the session's bus: writes what it is asked to show to a file, a JSON line each.

Run by the system's Python, which has GObject: `python3 notifications.py FILE`. Prints a line once it is there.
"""

import json
import sys
from typing import Any

from gi.repository import Gio, GLib  # type: ignore[import-not-found]

INTERFACE = """
<node><interface name="org.freedesktop.Notifications">
  <method name="Notify">
    <arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
    <arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
    <arg type="a{sv}" direction="in"/><arg type="i" direction="in"/><arg type="u" direction="out"/>
  </method>
  <method name="GetCapabilities"><arg type="as" direction="out"/></method>
  <method name="GetServerInformation">
    <arg type="s" direction="out"/><arg type="s" direction="out"/><arg type="s" direction="out"/>
    <arg type="s" direction="out"/>
  </method>
</interface></node>
"""


def main(file: str) -> None:
    def answer(*call: Any) -> None:
        _, _, _, _, method, parameters, invocation = call
        if method == "Notify":
            app, _, _, title, body, _, hints, _ = parameters.unpack()
            with open(file, "a", encoding="utf-8") as log:
                shown = {"app": app, "title": title, "body": body, "urgency": hints.get("urgency")}
                log.write(json.dumps(shown) + "\n")
            invocation.return_value(GLib.Variant("(u)", (1,)))
        elif method == "GetCapabilities":
            invocation.return_value(GLib.Variant("(as)", (["body", "body-markup"],)))
        else:
            invocation.return_value(GLib.Variant("(ssss)", ("test", "framed", "1", "1.2")))

    def acquired(bus: Any, _name: str) -> None:
        bus.register_object("/org/freedesktop/Notifications", node.interfaces[0], answer, None, None)

    def named(_bus: Any, _name: str) -> None:
        print("ready", flush=True)  # noqa: T201 -- a command line

    node = Gio.DBusNodeInfo.new_for_xml(INTERFACE)
    flags = Gio.BusNameOwnerFlags.NONE
    Gio.bus_own_name(Gio.BusType.SESSION, "org.freedesktop.Notifications", flags, acquired, named, None)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(sys.argv[1])
