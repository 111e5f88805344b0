"""The hub's process: feeds every viewer the newest frame of what it wants to see.

Three kinds of neighbour, none of which can hold up another: workers that publish (TCP), viewers (WebSocket, one task
each, one frame under way each), and the run that started us (JSON lines on stdin and stdout).
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from partitions.frames import Frame
from viewer.access import REFUSED, Access, Right
from viewer.allowance import Allowance
from viewer.audience import Seat, Viewer
from viewer.commands import CONTROL, LARGEST_MESSAGE, CommandError, Enter, Interest, parse
from viewer.gathering import Gathering
from viewer.pace import Pace
from viewer.plan import Plan, Slot
from viewer.recording import Recorder
from viewer.samples import Samples

MOST_VIEWERS = 256
ENTER_SECONDS = 5.0
PATIENCE = 0.25
"""Seconds in which a viewer may say what it wants to see before it gets the whole world."""
GATHER_SECONDS = 0.03
"""Changes of interests within this time reach the workers together."""
PING_SECONDS = 20.0
BROKEN = "the hub has made a mistake"


class Server:
    """See the module. Runs until `stop` is called."""

    def __init__(
        self,
        meta: dict[str, Any],
        secret: bytes,
        tell: Callable[[dict[str, Any]], None],
        *,
        models: Sequence[bytes] = (),
        recorder: Recorder | None = None,
        client_bytes_per_second: float | None = None,
        total_bytes_per_second: float | None = None,
    ) -> None:
        """Nothing is open yet.

        Args:
            meta: the world's description.
            secret: what the workers must know.
            tell: passes one JSON-able object to the run.
            models: bytes of `viewer.triangles`, sent to every viewer.
            recorder: takes frames like a viewer.
            client_bytes_per_second: most bytes of frames for one viewer.
            total_bytes_per_second: most for all.
        """
        self.meta = meta
        self.tell = tell
        self.models = tuple(models)
        self.pace = Pace()
        self.plan = Plan(meta)
        self.seats: set[Seat] = set()
        self.samples = Samples()
        self.texts: dict[str, tuple[int, str]] = {}
        self.stopped = asyncio.Event()
        self.gathering = Gathering(int(meta["workers"]), secret, self.pace, self.plan.slot, self.arrived, self.refresh)
        self.every = 0
        self._refreshed = self._entering = 0
        self._changed = asyncio.Event()
        self._client_bytes = client_bytes_per_second
        self._total = Allowance(total_bytes_per_second)
        self._turn = asyncio.Lock()
        self._recorder = recorder
        self._access: Access
        self.show("meta", meta)

    async def run(
        self, tokens: Mapping[Right, str], host: str, port: int, publish_host: str, public_url: str | None, embed: bool
    ) -> None:
        """Listen, say where, and serve until `stop`."""
        # Handshakes that fail are somebody else's affair, and their headers must not reach a log.
        logging.getLogger("websockets.server").setLevel(logging.CRITICAL)

        def admit(connection: ServerConnection, request: Request) -> Response | None:
            return self._access.answer(request)

        self.wish()
        publish_port = await self.gathering.listen(publish_host)
        pages = await serve(
            self.serve_viewer,
            host,
            port,
            process_request=admit,
            max_size=LARGEST_MESSAGE,
            max_queue=16,
            compression=None,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=0.5,
            start_serving=False,
        )
        bound = pages.sockets[0].getsockname()[1]
        self._access = Access(tokens, host, bound, public_url=public_url, embed=embed)
        await pages.start_serving()
        self.tell({"ready": {"port": bound, "publish_port": publish_port}})
        tasks = [asyncio.create_task(work) for work in (self.keep_pace(), self.keep_plan(), self.record())]
        for task in tasks:
            task.add_done_callback(self.ended)
        await self.stopped.wait()
        for task in tasks:
            task.cancel()
        self.gathering.close()
        pages.close()
        await asyncio.gather(*tasks, asyncio.wait_for(pages.wait_closed(), 1.0), return_exceptions=True)
        if self._recorder is not None:
            self._recorder.close()

    def stop(self) -> None:
        """End `run`."""
        self.stopped.set()

    def ended(self, task: asyncio.Task[None]) -> None:
        """A task of ours has ended: by itself only if it has failed, and then nobody would see anything any more."""
        if not task.cancelled() and (error := task.exception()) is not None:
            traceback.print_exception(error)
            self.stop()

    # What the run says

    def hear(self, message: dict[str, Any]) -> None:
        """One line from the run."""
        for key in ("status", "partitions"):
            if key in message:
                self.show(key, message[key])
        self.plan.counts |= (message.get("status") or {}).get("entities") or {}
        for first, ticks, values in message.get("samples", ()):
            self.samples.add(first, ticks, values)
        for refused in message.get("refused", ()):
            for seat in self.seats:
                if isinstance(seat, Viewer):
                    seat.outbox.append(json.dumps({"refused": refused}))
        self.wake()

    def show(self, key: str, value: Any) -> None:
        """Send {key: value} to all viewers, and to those who come later; a newer value replaces one not yet sent."""
        edition = self.texts.get(key, (0, ""))[0] + 1
        self.texts[key] = (edition, json.dumps({key: value}))
        self.wake()

    def wake(self) -> None:
        """Let everybody look for news."""
        for seat in self.seats:
            seat.wake.set()

    # Viewers

    async def serve_viewer(self, socket: ServerConnection) -> None:
        """Talk with one viewer until it leaves."""
        try:
            right = self.right(socket)
            if right is None and self._access.embed and self._entering < MOST_VIEWERS:
                self._entering += 1
                try:
                    right = await self.enter(socket)
                finally:
                    self._entering -= 1
            if right is None:
                await socket.close(1008, REFUSED.strip())
            elif len(self.seats) >= MOST_VIEWERS:
                await socket.close(1013, f"{MOST_VIEWERS} others are watching.")
            else:
                await self.attend(socket, right)
        except CommandError as error:
            await socket.close(1008, str(error).splitlines()[0][:100])
        except ConnectionClosed:
            pass  # it left without a word
        except Exception:
            # It ends this viewer only. Here, because websockets' own report would show the headers of the request.
            traceback.print_exc()
            await socket.close(1011, BROKEN)

    def right(self, socket: ServerConnection) -> Right | None:
        """What a viewer may do by its cookie."""
        assert socket.request is not None
        return self._access.right(socket.request)

    async def enter(self, socket: ServerConnection) -> Right | None:
        """What an embedded page may do by its first message: it may be kept from having a cookie."""
        try:
            first = parse(await asyncio.wait_for(socket.recv(), ENTER_SECONDS), self.meta)
        except TimeoutError:
            return None
        return self._access.right_of(first.token) if isinstance(first, Enter) else None

    async def attend(self, socket: ServerConnection, right: Right) -> None:
        """Talk with a viewer that may be here."""
        viewer = Viewer(self._client_bytes)
        self.grant(viewer, socket, right)
        self.seats.add(viewer)
        self.tell_viewers()
        loop = asyncio.get_running_loop()
        patience = loop.call_later(PATIENCE, self.want, viewer, Interest(op="interest"), False)
        feeding = asyncio.create_task(self.feed(viewer, socket))
        try:
            async for message in socket:
                self.obey(viewer, socket, message)
        finally:
            patience.cancel()
            self.seats.discard(viewer)
            if viewer.wish is not None:
                self.plan.remove(viewer.wish)
                self._changed.set()
            feeding.cancel()
            (failed,) = await asyncio.gather(feeding, return_exceptions=True)
            self.tell_viewers()
            if isinstance(failed, Exception):
                raise failed

    def grant(self, viewer: Viewer, socket: ServerConnection, right: Right) -> None:
        """Let it do that, and tell it."""
        assert socket.request is not None
        viewer.control = right == "control"
        links = self._access.links(socket.request, right)
        viewer.outbox.append(json.dumps({"you": {"control": viewer.control, "links": links}}))
        viewer.wake.set()

    def tell_viewers(self) -> None:
        """Tell the run how many watch."""
        self.tell({"viewers": sum(isinstance(seat, Viewer) for seat in self.seats)})

    def obey(self, viewer: Viewer, socket: ServerConnection, message: str | bytes) -> None:
        """Act on one message of a viewer.

        Raises:
            CommandError: it is not a command.
        """
        command = parse(message, self.meta)
        if isinstance(command, Interest):
            viewer.ask(command)
            self.want(viewer, command, True)
        elif command.op == "ack":
            viewer.acknowledge(time.monotonic())
        elif command.op in CONTROL and viewer.control:
            self.tell({"command": command.model_dump()})
        elif command.op in CONTROL:
            reason = "This link lets you look only; who acts on the run needs its control link."
            viewer.outbox.append(json.dumps({"refused": {"op": command.op, "reason": reason}}))
            viewer.wake.set()
        elif isinstance(command, Enter):
            granted = None if viewer.asked else self._access.right_of(command.token)
            if granted is None:
                raise CommandError(REFUSED.strip())
            self.grant(viewer, socket, granted)

    def want(self, seat: Seat, asked: Interest, said: bool, kept: bool = False) -> None:
        """A viewer wants to see that; `said`: in its own words."""
        if seat.wish is None:
            seat.wish = self.plan.add(asked, kept)
        elif said:
            before = seat.wish.invalid
            self.plan.change(seat.wish, asked)
            if isinstance(seat, Viewer) and before and not seat.wish.invalid:
                seat.outbox.append(json.dumps({"invalid": {"where": {}}}))
        if seat.wish.invalid and isinstance(seat, Viewer):
            seat.outbox.append(json.dumps({"invalid": {"where": seat.wish.invalid}}))
        self._changed.set()

    async def feed(self, viewer: Viewer, socket: ServerConnection) -> None:
        """Send what is new: texts, and frames only when the one before has been drawn."""
        try:
            await socket.send(viewer.outbox.popleft())
            await self.speak(viewer, socket, ("meta",))
            for model in self.models:
                await socket.send(model)
            while True:
                viewer.wake.clear()
                await self.speak(viewer, socket, tuple(self.texts))
                data, pause = await self.frame_for(viewer)
                if data:
                    await socket.send(data)
                    continue
                try:
                    await asyncio.wait_for(viewer.wake.wait(), pause)
                except TimeoutError:
                    continue
        except ConnectionClosed:
            return
        except Exception:
            await socket.close(1011, BROKEN)
            raise

    async def speak(self, viewer: Viewer, socket: ServerConnection, keys: tuple[str, ...]) -> None:
        """Send the texts that it does not have."""
        for key in keys:
            edition, text = self.texts[key]
            if viewer.sent.get(key) != edition:
                viewer.sent[key] = edition
                await socket.send(text)
        while viewer.outbox:
            await socket.send(viewer.outbox.popleft())
        edition, rows = viewer.samples
        if (edition, rows) != (self.samples.edition, len(self.samples)):
            known = rows if edition == self.samples.edition else 0
            viewer.samples = (self.samples.edition, len(self.samples))
            await socket.send(self.samples.text(known))

    async def frame_for(self, seat: Seat) -> tuple[bytes, float | None]:
        """A frame that may leave now, or b"" and the seconds until one may (None: until there is a new one)."""
        if seat.offer() is None:
            return b"", None
        pause = seat.pause(time.monotonic())
        if pause > 0:
            return b"", pause
        # Those who wait for their part of all bytes stand in line, and take what is newest when it is their turn.
        async with self._turn:
            while (pause := self._total.wait(time.monotonic())) > 0:
                await asyncio.sleep(pause)
            slot = seat.offer()
            if slot is None:
                return b"", None
            now = time.monotonic()
            data = seat.take(slot, now)
            self._total.spend(now, len(data))
            return data, None

    async def record(self) -> None:
        """Write frames of the whole world, like a viewer that draws as fast as the disk."""
        if self._recorder is None:
            return
        seat = Seat()
        self.seats.add(seat)
        self.want(seat, everything(self.meta), True, kept=True)
        try:
            while True:
                seat.wake.clear()
                slot = seat.offer()
                if slot is None:
                    await seat.wake.wait()
                    continue
                tick, data = slot.tick, seat.take(slot, time.monotonic())
                await asyncio.to_thread(self._recorder.write, tick, data)
                seat.acknowledge(time.monotonic())
        except OSError as error:
            print(f"viewer: the recording has ended, the run goes on: {error}", file=sys.stderr)
        finally:
            self.seats.discard(seat)
            if seat.wish is not None:
                self.plan.remove(seat.wish)

    # What workers are told, and send

    def wish(self) -> None:
        """Tell the workers what is wanted now."""
        interests = self.plan.told()
        self.every = self.pace.every if interests else 0
        self.gathering.wish(self.plan.number, self.every, interests)

    async def keep_plan(self) -> None:
        """Pass changed interests on to the workers, several at once."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._changed.clear()
            if self.plan.arrange():
                self.wish()
            for seat in self.seats:
                anew = False
                if isinstance(seat, Viewer) and seat.wish is not None and seat.wish.slot is not None:
                    answer = {"number": seat.wish.slot.number, "asked": seat.asked}
                    anew = seat.answered != answer
                    if anew:
                        seat.answered = answer
                        seat.outbox.append(json.dumps({"interest": answer}))
                seat.follow(anew)

    async def keep_pace(self) -> None:
        """Adapt `every` to the run and its viewers, ten times a second."""
        while True:
            await asyncio.sleep(0.1)
            now = time.monotonic()
            quickest = max((seat.capacity(now) for seat in self.seats), default=0.0)
            cost = sum(slot.cost for slot in self.plan.slots)
            if self.plan.slots and self.pace.choose(now, quickest, cost) != self.every:
                self.wish()

    def arrived(self, slot: Slot, frame: Frame) -> None:
        """A frame is whole."""
        if self.plan.learn(slot, frame):
            self._changed.set()
        self.wake()

    def refresh(self) -> None:
        """Once all workers know what is wanted, ask a run that stands still to publish its tick again."""
        number = self.plan.number
        if self._refreshed != number and self.gathering.all_know(number):
            self._refreshed = number
            if any(not slot.edition for slot in self.plan.slots):
                self.tell({"command": {"op": "refresh"}})


def everything(meta: Mapping[str, Any]) -> Interest:
    """The interest of a recording: all of the world, with as many fields as there may be."""
    types = {}
    for each in meta["types"]:
        first = (each.get("view") or {}).get("color_by")
        names = [field["name"] for field in each["fields"]]
        types[each["name"]] = {"fields": sorted(names, key=lambda name: name != first)[:16]}
    layers = {each["name"]: each["fields"][0]["name"] for each in meta.get("layers") or [] if each["fields"]}
    for each in meta.get("layers") or []:
        if (each.get("view") or {}).get("color_by"):
            layers[each["name"]] = each["view"]["color_by"]
    return Interest.model_validate({"op": "interest", "types": types, "layers": layers, "grid": 512})
