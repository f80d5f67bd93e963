import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NewsEventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NEWS_EVENT_TYPE_UNSPECIFIED: _ClassVar[NewsEventType]
    NEWS_EVENT_TYPE_LINK_ADDED: _ClassVar[NewsEventType]
    NEWS_EVENT_TYPE_LINK_UPDATED: _ClassVar[NewsEventType]
    NEWS_EVENT_TYPE_LINK_DELETED: _ClassVar[NewsEventType]
NEWS_EVENT_TYPE_UNSPECIFIED: NewsEventType
NEWS_EVENT_TYPE_LINK_ADDED: NewsEventType
NEWS_EVENT_TYPE_LINK_UPDATED: NewsEventType
NEWS_EVENT_TYPE_LINK_DELETED: NewsEventType

class GetNewsRequest(_message.Message):
    __slots__ = ("username", "start_token", "page_size", "author")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    START_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    username: str
    start_token: str
    page_size: int
    author: str
    def __init__(self, username: _Optional[str] = ..., start_token: _Optional[str] = ..., page_size: _Optional[int] = ..., author: _Optional[str] = ...) -> None: ...

class GetNewsResponse(_message.Message):
    __slots__ = ("events", "next_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[NewsEvent]
    next_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[NewsEvent, _Mapping]]] = ..., next_token: _Optional[str] = ...) -> None: ...

class WatchNewsRequest(_message.Message):
    __slots__ = ("username", "after", "author")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    username: str
    after: str
    author: str
    def __init__(self, username: _Optional[str] = ..., after: _Optional[str] = ..., author: _Optional[str] = ...) -> None: ...

class WatchNewsResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: NewsEvent
    def __init__(self, event: _Optional[_Union[NewsEvent, _Mapping]] = ...) -> None: ...

class NewsEvent(_message.Message):
    __slots__ = ("id", "event_type", "username", "url", "title", "timestamp")
    ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    id: str
    event_type: NewsEventType
    username: str
    url: str
    title: str
    timestamp: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., event_type: _Optional[_Union[NewsEventType, str]] = ..., username: _Optional[str] = ..., url: _Optional[str] = ..., title: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
