import { decodeMessage, encodeMessage, enumeration, MaxLengthError, message, streamMessage } from 'protons-runtime';
import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc';
export var Message;
(function (Message) {
    let _codec;
    Message.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.wantlist != null) {
                    w.uint32(10);
                    Wantlist.codec().encode(obj.wantlist, w);
                }
                if (obj.blocks != null && obj.blocks.length > 0) {
                    for (const value of obj.blocks) {
                        w.uint32(26);
                        Block.codec().encode(value, w);
                    }
                }
                if (obj.presences != null && obj.presences.length > 0) {
                    for (const value of obj.presences) {
                        w.uint32(34);
                        Presence.codec().encode(value, w);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    blocks: [],
                    presences: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.wantlist = Wantlist.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.wantlist
                            });
                            break;
                        }
                        case 3: {
                            if (opts.limits?.blocks != null && obj.blocks.length === opts.limits.blocks) {
                                throw new MaxLengthError('Decode error - repeated field "blocks" had too many elements');
                            }
                            obj.blocks.push(Block.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.blocks$
                            }));
                            break;
                        }
                        case 4: {
                            if (opts.limits?.presences != null && obj.presences.length === opts.limits.presences) {
                                throw new MaxLengthError('Decode error - repeated field "presences" had too many elements');
                            }
                            obj.presences.push(Presence.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.presences$
                            }));
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
                const obj = {
                    blocks: 0,
                    presences: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield* Wantlist.codec().stream(reader, reader.uint32(), `${prefix}.wantlist`, {
                                limits: opts.limits?.wantlist
                            });
                            break;
                        }
                        case 3: {
                            if (opts.limits?.blocks != null && obj.blocks === opts.limits.blocks) {
                                throw new MaxLengthError('Streaming decode error - repeated field "blocks" had too many elements');
                            }
                            for (const evt of Block.codec().stream(reader, reader.uint32(), `${prefix}.blocks[]`, {
                                limits: opts.limits?.blocks$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.blocks
                                };
                            }
                            obj.blocks++;
                            break;
                        }
                        case 4: {
                            if (opts.limits?.presences != null && obj.presences === opts.limits.presences) {
                                throw new MaxLengthError('Streaming decode error - repeated field "presences" had too many elements');
                            }
                            for (const evt of Presence.codec().stream(reader, reader.uint32(), `${prefix}.presences[]`, {
                                limits: opts.limits?.presences$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.presences
                                };
                            }
                            obj.presences++;
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
        return encodeMessage(obj, Message.codec());
    }
    Message.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Message.codec(), opts);
    }
    Message.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Message.codec(), opts);
    }
    Message.stream = stream;
})(Message || (Message = {}));
export var Wantlist;
(function (Wantlist) {
    let _codec;
    Wantlist.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.entries != null && obj.entries.length > 0) {
                    for (const value of obj.entries) {
                        w.uint32(10);
                        Entry.codec().encode(value, w);
                    }
                }
                if ((obj.full != null && obj.full !== false)) {
                    w.uint32(16);
                    w.bool(obj.full);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    entries: [],
                    full: false
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.entries != null && obj.entries.length === opts.limits.entries) {
                                throw new MaxLengthError('Decode error - repeated field "entries" had too many elements');
                            }
                            obj.entries.push(Entry.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.entries$
                            }));
                            break;
                        }
                        case 2: {
                            obj.full = reader.bool();
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
                const obj = {
                    entries: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.entries != null && obj.entries === opts.limits.entries) {
                                throw new MaxLengthError('Streaming decode error - repeated field "entries" had too many elements');
                            }
                            for (const evt of Entry.codec().stream(reader, reader.uint32(), `${prefix}.entries[]`, {
                                limits: opts.limits?.entries$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.entries
                                };
                            }
                            obj.entries++;
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.full`,
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
        return encodeMessage(obj, Wantlist.codec());
    }
    Wantlist.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Wantlist.codec(), opts);
    }
    Wantlist.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Wantlist.codec(), opts);
    }
    Wantlist.stream = stream;
})(Wantlist || (Wantlist = {}));
export var Entry;
(function (Entry) {
    let _codec;
    Entry.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.cid != null && obj.cid.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.cid);
                }
                if ((obj.priority != null && obj.priority !== 0)) {
                    w.uint32(16);
                    w.int32(obj.priority);
                }
                if ((obj.cancel != null && obj.cancel !== false)) {
                    w.uint32(24);
                    w.bool(obj.cancel);
                }
                if (obj.type != null && __WantTypeValues[obj.type] !== 0) {
                    w.uint32(32);
                    WantType.codec().encode(obj.type, w);
                }
                if ((obj.sendDontHave != null && obj.sendDontHave !== false)) {
                    w.uint32(40);
                    w.bool(obj.sendDontHave);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    cid: uint8ArrayAlloc(0),
                    priority: 0,
                    cancel: false,
                    type: WantType.BLOCK,
                    sendDontHave: false
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.cid = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.priority = reader.int32();
                            break;
                        }
                        case 3: {
                            obj.cancel = reader.bool();
                            break;
                        }
                        case 4: {
                            obj.type = WantType.codec().decode(reader);
                            break;
                        }
                        case 5: {
                            obj.sendDontHave = reader.bool();
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
                                field: `${prefix}.cid`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.priority`,
                                value: reader.int32()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.cancel`,
                                value: reader.bool()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.type`,
                                value: WantType.codec().decode(reader)
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.sendDontHave`,
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
        return encodeMessage(obj, Entry.codec());
    }
    Entry.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Entry.codec(), opts);
    }
    Entry.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Entry.codec(), opts);
    }
    Entry.stream = stream;
})(Entry || (Entry = {}));
export var WantType;
(function (WantType) {
    WantType["BLOCK"] = "BLOCK";
    WantType["HAVE"] = "HAVE";
})(WantType || (WantType = {}));
var __WantTypeValues;
(function (__WantTypeValues) {
    __WantTypeValues[__WantTypeValues["BLOCK"] = 0] = "BLOCK";
    __WantTypeValues[__WantTypeValues["HAVE"] = 1] = "HAVE";
})(__WantTypeValues || (__WantTypeValues = {}));
(function (WantType) {
    WantType.codec = () => {
        return enumeration(__WantTypeValues);
    };
})(WantType || (WantType = {}));
export var Block;
(function (Block) {
    let _codec;
    Block.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.prefix != null && obj.prefix.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.prefix);
                }
                if ((obj.data != null && obj.data.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.data);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    prefix: uint8ArrayAlloc(0),
                    data: uint8ArrayAlloc(0)
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.prefix = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.data = reader.bytes();
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
                                field: `${prefix}.prefix`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.data`,
                                value: reader.bytes()
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
        return encodeMessage(obj, Block.codec());
    }
    Block.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Block.codec(), opts);
    }
    Block.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Block.codec(), opts);
    }
    Block.stream = stream;
})(Block || (Block = {}));
export var Presence;
(function (Presence) {
    let _codec;
    Presence.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.cid != null && obj.cid.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.cid);
                }
                if (obj.type != null && __PresenceTypeValues[obj.type] !== 0) {
                    w.uint32(16);
                    PresenceType.codec().encode(obj.type, w);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    cid: uint8ArrayAlloc(0),
                    type: PresenceType.HELD
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.cid = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.type = PresenceType.codec().decode(reader);
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
                                field: `${prefix}.cid`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.type`,
                                value: PresenceType.codec().decode(reader)
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
        return encodeMessage(obj, Presence.codec());
    }
    Presence.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Presence.codec(), opts);
    }
    Presence.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Presence.codec(), opts);
    }
    Presence.stream = stream;
})(Presence || (Presence = {}));
export var PresenceType;
(function (PresenceType) {
    PresenceType["HELD"] = "HELD";
    PresenceType["MISSING"] = "MISSING";
})(PresenceType || (PresenceType = {}));
var __PresenceTypeValues;
(function (__PresenceTypeValues) {
    __PresenceTypeValues[__PresenceTypeValues["HELD"] = 0] = "HELD";
    __PresenceTypeValues[__PresenceTypeValues["MISSING"] = 1] = "MISSING";
})(__PresenceTypeValues || (__PresenceTypeValues = {}));
(function (PresenceType) {
    PresenceType.codec = () => {
        return enumeration(__PresenceTypeValues);
    };
})(PresenceType || (PresenceType = {}));
