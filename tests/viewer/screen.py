"""A screen in memory, its pixels and its mouse."""

import ctypes
import struct
import subprocess

import numpy as np


def dump(path):
    """Read a dump of X (XWD, 32 bits per pixel), (height, width, 3)."""
    data = path.read_bytes()
    head = struct.unpack_from(">25I", data)
    width, height, line, colours = head[4], head[5], head[12], head[19]
    rows = np.frombuffer(data, np.uint8, line * height, head[0] + 12 * colours).reshape(height, line // 4, 4)
    return rows[:, :width, 2::-1]


class Screen:
    """`Xvfb` of 1400 x 900; without a window manager a window is in its upper left corner or where it wants to be."""

    def __init__(self, folder):
        command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp", "-fbdir", str(folder)]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.name = ":" + self._server.stdout.readline().decode().strip()
        self._dump = folder / "Xvfb_screen0"

    def pixels(self):
        """What is seen, (900, 1400, 3) uint8."""
        return dump(self._dump)

    def click(self, x, y):
        """Press and let go the left button; OSError where XTest is missing."""
        self._fake(
            lambda _, test, display: (
                test.XTestFakeMotionEvent(display, -1, int(x), int(y), 0),
                test.XTestFakeButtonEvent(display, 1, 1, 0),
                test.XTestFakeButtonEvent(display, 1, 0, 0),
            )
        )

    def press(self, letter):
        """Press and let go a key; at once, or a busy machine would repeat it."""

        def act(x11, test, display):
            code = x11.XKeysymToKeycode(display, ctypes.c_ulong(ord(letter)))
            test.XTestFakeKeyEvent(display, code, 1, 0)
            test.XTestFakeKeyEvent(display, code, 0, 0)

        self._fake(act)

    def _fake(self, act):
        """Let the server make events; they wait in the window's queue, in this order, until it looks."""
        x11, test = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XKeysymToKeycode.restype = ctypes.c_ubyte
        display = ctypes.c_void_p(x11.XOpenDisplay(self.name.encode()))
        act(x11, test, display)
        x11.XSync(display, 0)
        x11.XCloseDisplay(display)

    def close(self):
        self._server.terminate()
        self._server.wait()
        self._server.stdout.close()
