"""The part of caffe.proto that weights need, in a descriptor pool of its own.

The pool is private, so that caffe's own protobuf module, OpenCV or TensorFlow may be imported beside it.
Packed floats and bytes look the same on the wire; declaring them as bytes keeps arrays whole.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_MESSAGES: dict[str, list[tuple[str, int, int, str]]] = {
    "BlobShape": [("dim", 1, _Field.TYPE_INT64, "")],
    "BlobProto": [("data", 5, _Field.TYPE_BYTES, ""), ("shape", 7, _Field.TYPE_MESSAGE, "BlobShape")],
    "LayerParameter": [
        ("name", 1, _Field.TYPE_STRING, ""),
        ("blobs", 7, _Field.TYPE_MESSAGE, "BlobProto"),
    ],
    "NetParameter": [
        ("name", 1, _Field.TYPE_STRING, ""),
        ("layer", 100, _Field.TYPE_MESSAGE, "LayerParameter"),
    ],
}
_REPEATED = ("dim", "blobs", "layer")


def _build() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="caffe_weights.proto", package="caffe", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            label = _Field.LABEL_REPEATED if field in _REPEATED else _Field.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, type=kind, label=label)
            if of:
                added.type_name = f".caffe.{of}"
            if kind == _Field.TYPE_INT64:
                added.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}"))
        for name in _MESSAGES
    }


_CLASSES = _build()
BlobProto = _CLASSES["BlobProto"]
LayerParameter = _CLASSES["LayerParameter"]
NetParameter = _CLASSES["NetParameter"]
