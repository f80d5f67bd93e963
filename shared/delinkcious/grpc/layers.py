"""What happens around every call of a server: layers, each of one concern, in the order given.

A layer is an async context manager: what it does before, it does before the layers inside it and
the call itself; what it does after, after them. The message is decoded inside all of them: who may
not call is refused before anything of it is read. Health and reflection are left alone: they belong
to the platform, and say nothing that is worth protecting or recording.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from delinkcious.errors import InvalidArgument

_OF_THE_PLATFORM: Final = ("/grpc.health.", "/grpc.reflection.")
_KINDS: Final[Mapping[tuple[bool, bool], tuple[str, Callable[..., Any]]]] = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}

Context = grpc.aio.ServicerContext[Any, Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


@dataclass(slots=True)
class Call:
    """A call on its way through the layers.

    Attributes:
        method: such as ``delinkcious.news.v1.News/GetNews``.
        metadata: what the caller sent along, names in lower case, without binary values.
        caller: which service calls, once that is known.
    """

    method: str
    metadata: Mapping[str, str]
    context: Context
    caller: str = ""


Layer = Callable[[Call], AbstractAsyncContextManager[None]]


class Layers(grpc.aio.ServerInterceptor):
    """Puts layers around the calls of a server, the first one outermost."""

    def __init__(self, *layers: Layer) -> None:
        self._layers = layers

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Wraps the handler of a call."""
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(_OF_THE_PLATFORM):
            return handler
        kind, make = _KINDS[handler.request_streaming, handler.response_streaming]
        wrap = self._around_stream if handler.response_streaming else self._around_answer
        behavior = getattr(handler, kind)
        decode = handler.request_deserializer
        if not handler.request_streaming:  # a stream of messages is decoded as it is read
            behavior, decode = _decoding(behavior, decode), None
        wrapped: Handler = make(
            wrap(behavior, handler_call_details), decode, handler.response_serializer
        )
        return wrapped

    def _around_answer(
        self, behavior: Callable[..., Any], details: grpc.HandlerCallDetails
    ) -> Callable[[Any, Context], Awaitable[Any]]:
        async def answer(request: Any, context: Context) -> Any:
            async with self._entered(details, context):
                return await behavior(request, context)

        return answer

    def _around_stream(
        self, behavior: Callable[..., Any], details: grpc.HandlerCallDetails
    ) -> Callable[[Any, Context], Awaitable[None]]:
        # Not a generator itself: a call that is given up is cancelled here, and ends here, while a
        # generator would be left for the garbage collector to end, some time and somewhere else.
        async def stream(request: Any, context: Context) -> None:
            async with (
                self._entered(details, context),
                aclosing(behavior(request, context)) as all_,
            ):
                async for message in all_:
                    await context.write(message)

        return stream

    @asynccontextmanager
    async def _entered(
        self, details: grpc.HandlerCallDetails, context: Context
    ) -> AsyncIterator[None]:
        metadata = {n: v for n, v in details.invocation_metadata or () if isinstance(v, str)}
        call = Call(details.method.removeprefix("/"), metadata, context)
        async with AsyncExitStack() as stack:
            for layer in self._layers:
                await stack.enter_async_context(layer(call))
            yield


def _decoding(behavior: Callable[..., Any], decode: Callable[[bytes], Any] | None) -> Any:
    """Returns what takes a message as it came, for what takes it decoded."""

    def decoding(message: bytes, context: Context) -> Any:
        try:
            request = decode(message) if decode else message
        except DecodeError:
            raise InvalidArgument("The message is not of this method.") from None
        return behavior(request, context)

    return decoding
