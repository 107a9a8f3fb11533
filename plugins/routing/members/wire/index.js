import { decodeMessage, encodeMessage, message, streamMessage } from 'protons-runtime';
import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc';
export var Subscribe;
(function (Subscribe) {
    let _codec;
    Subscribe.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.epoch != null && obj.epoch.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.epoch);
                }
                if ((obj.sequence != null && obj.sequence !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.sequence);
                }
                if ((obj.maxBlocks != null && obj.maxBlocks !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.maxBlocks);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    epoch: uint8ArrayAlloc(0),
                    sequence: 0,
                    maxBlocks: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.epoch = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.sequence = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.maxBlocks = reader.uint32();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.epoch`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.sequence`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.maxBlocks`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Subscribe.codec());
    }
    Subscribe.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Subscribe.codec(), opts);
    }
    Subscribe.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Subscribe.codec(), opts);
    }
    Subscribe.stream = stream;
})(Subscribe || (Subscribe = {}));
export var Update;
(function (Update) {
    let _codec;
    Update.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.start != null) {
                    w.uint32(10);
                    Start.codec().encode(obj.start, w);
                }
                if ((obj.sequence != null && obj.sequence !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.sequence);
                }
                if ((obj.added != null && obj.added.byteLength > 0)) {
                    w.uint32(26);
                    w.bytes(obj.added);
                }
                if ((obj.removed != null && obj.removed.byteLength > 0)) {
                    w.uint32(34);
                    w.bytes(obj.removed);
                }
                if ((obj.complete != null && obj.complete !== false)) {
                    w.uint32(40);
                    w.bool(obj.complete);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    sequence: 0,
                    added: uint8ArrayAlloc(0),
                    removed: uint8ArrayAlloc(0),
                    complete: false
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.start = Start.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.start
                            });
                            break;
                        }
                        case 2: {
                            obj.sequence = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.added = reader.bytes();
                            break;
                        }
                        case 4: {
                            obj.removed = reader.bytes();
                            break;
                        }
                        case 5: {
                            obj.complete = reader.bool();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield* Start.codec().stream(reader, reader.uint32(), `${prefix}.start`, {
                                limits: opts.limits?.start
                            });
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.sequence`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.added`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.removed`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.complete`,
                                value: reader.bool()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Update.codec());
    }
    Update.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Update.codec(), opts);
    }
    Update.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Update.codec(), opts);
    }
    Update.stream = stream;
})(Update || (Update = {}));
export var Start;
(function (Start) {
    let _codec;
    Start.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.epoch != null && obj.epoch.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.epoch);
                }
                if ((obj.sequence != null && obj.sequence !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.sequence);
                }
                if ((obj.snapshot != null && obj.snapshot !== false)) {
                    w.uint32(24);
                    w.bool(obj.snapshot);
                }
                if ((obj.blocks != null && obj.blocks !== 0)) {
                    w.uint32(32);
                    w.uint32(obj.blocks);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    epoch: uint8ArrayAlloc(0),
                    sequence: 0,
                    snapshot: false,
                    blocks: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.epoch = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.sequence = reader.uint32();
                            break;
                        }
                        case 3: {
                            obj.snapshot = reader.bool();
                            break;
                        }
                        case 4: {
                            obj.blocks = reader.uint32();
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
                return obj;
            }, function* (reader, length, prefix, opts = {}) {
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.epoch`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.sequence`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.snapshot`,
                                value: reader.bool()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.blocks`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        default: {
                            reader.skipType(tag & 7);
                            break;
                        }
                    }
                }
            });
        }
        return _codec;
    };
    function encode(obj) {
        return encodeMessage(obj, Start.codec());
    }
    Start.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Start.codec(), opts);
    }
    Start.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Start.codec(), opts);
    }
    Start.stream = stream;
})(Start || (Start = {}));
