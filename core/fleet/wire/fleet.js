import { decodeMessage, encodeMessage, MaxLengthError, message, streamMessage } from 'protons-runtime';
import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc';
export var Charter;
(function (Charter) {
    let _codec;
    Charter.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.owner != null && obj.owner.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.owner);
                }
                if ((obj.term != null && obj.term !== 0n)) {
                    w.uint32(16);
                    (obj.term >> 32n === 0n ? w.uint64Number(Number(obj.term)) : w.uint64(obj.term));
                }
                if ((obj.name != null && obj.name !== '')) {
                    w.uint32(26);
                    w.string(obj.name);
                }
                if (obj.operators != null && obj.operators.length > 0) {
                    for (const value of obj.operators) {
                        w.uint32(34);
                        w.bytes(value);
                    }
                }
                if (obj.edits != null && obj.edits.length > 0) {
                    for (const value of obj.edits) {
                        w.uint32(42);
                        EditCount.codec().encode(value, w);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    owner: uint8ArrayAlloc(0),
                    term: 0n,
                    name: '',
                    operators: [],
                    edits: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.owner = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.term = reader.uint64();
                            break;
                        }
                        case 3: {
                            obj.name = reader.string();
                            break;
                        }
                        case 4: {
                            if (opts.limits?.operators != null && obj.operators.length === opts.limits.operators) {
                                throw new MaxLengthError('Decode error - repeated field "operators" had too many elements');
                            }
                            obj.operators.push(reader.bytes());
                            break;
                        }
                        case 5: {
                            if (opts.limits?.edits != null && obj.edits.length === opts.limits.edits) {
                                throw new MaxLengthError('Decode error - repeated field "edits" had too many elements');
                            }
                            obj.edits.push(EditCount.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.edits$
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
                    operators: 0,
                    edits: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.owner`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.term`,
                                value: reader.uint64()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.name`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 4: {
                            if (opts.limits?.operators != null && obj.operators === opts.limits.operators) {
                                throw new MaxLengthError('Streaming decode error - repeated field "operators" had too many elements');
                            }
                            yield {
                                field: `${prefix}.operators[]`,
                                index: obj.operators,
                                value: reader.bytes()
                            };
                            obj.operators++;
                            break;
                        }
                        case 5: {
                            if (opts.limits?.edits != null && obj.edits === opts.limits.edits) {
                                throw new MaxLengthError('Streaming decode error - repeated field "edits" had too many elements');
                            }
                            for (const evt of EditCount.codec().stream(reader, reader.uint32(), `${prefix}.edits[]`, {
                                limits: opts.limits?.edits$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.edits
                                };
                            }
                            obj.edits++;
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
        return encodeMessage(obj, Charter.codec());
    }
    Charter.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Charter.codec(), opts);
    }
    Charter.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Charter.codec(), opts);
    }
    Charter.stream = stream;
})(Charter || (Charter = {}));
export var Roster;
(function (Roster) {
    let _codec;
    Roster.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.charter != null && obj.charter.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.charter);
                }
                if ((obj.charterSignature != null && obj.charterSignature.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.charterSignature);
                }
                if ((obj.version != null && obj.version !== 0n)) {
                    w.uint32(24);
                    (obj.version >> 32n === 0n ? w.uint64Number(Number(obj.version)) : w.uint64(obj.version));
                }
                if (obj.members != null && obj.members.length > 0) {
                    for (const value of obj.members) {
                        w.uint32(34);
                        Member.codec().encode(value, w);
                    }
                }
                if (obj.removed != null && obj.removed.length > 0) {
                    for (const value of obj.removed) {
                        w.uint32(42);
                        w.bytes(value);
                    }
                }
                if (obj.edits != null && obj.edits.length > 0) {
                    for (const value of obj.edits) {
                        w.uint32(50);
                        EditCount.codec().encode(value, w);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    charter: uint8ArrayAlloc(0),
                    charterSignature: uint8ArrayAlloc(0),
                    version: 0n,
                    members: [],
                    removed: [],
                    edits: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.charter = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.charterSignature = reader.bytes();
                            break;
                        }
                        case 3: {
                            obj.version = reader.uint64();
                            break;
                        }
                        case 4: {
                            if (opts.limits?.members != null && obj.members.length === opts.limits.members) {
                                throw new MaxLengthError('Decode error - repeated field "members" had too many elements');
                            }
                            obj.members.push(Member.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.members$
                            }));
                            break;
                        }
                        case 5: {
                            if (opts.limits?.removed != null && obj.removed.length === opts.limits.removed) {
                                throw new MaxLengthError('Decode error - repeated field "removed" had too many elements');
                            }
                            obj.removed.push(reader.bytes());
                            break;
                        }
                        case 6: {
                            if (opts.limits?.edits != null && obj.edits.length === opts.limits.edits) {
                                throw new MaxLengthError('Decode error - repeated field "edits" had too many elements');
                            }
                            obj.edits.push(EditCount.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.edits$
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
                    members: 0,
                    removed: 0,
                    edits: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.charter`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.charterSignature`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.version`,
                                value: reader.uint64()
                            };
                            break;
                        }
                        case 4: {
                            if (opts.limits?.members != null && obj.members === opts.limits.members) {
                                throw new MaxLengthError('Streaming decode error - repeated field "members" had too many elements');
                            }
                            for (const evt of Member.codec().stream(reader, reader.uint32(), `${prefix}.members[]`, {
                                limits: opts.limits?.members$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.members
                                };
                            }
                            obj.members++;
                            break;
                        }
                        case 5: {
                            if (opts.limits?.removed != null && obj.removed === opts.limits.removed) {
                                throw new MaxLengthError('Streaming decode error - repeated field "removed" had too many elements');
                            }
                            yield {
                                field: `${prefix}.removed[]`,
                                index: obj.removed,
                                value: reader.bytes()
                            };
                            obj.removed++;
                            break;
                        }
                        case 6: {
                            if (opts.limits?.edits != null && obj.edits === opts.limits.edits) {
                                throw new MaxLengthError('Streaming decode error - repeated field "edits" had too many elements');
                            }
                            for (const evt of EditCount.codec().stream(reader, reader.uint32(), `${prefix}.edits[]`, {
                                limits: opts.limits?.edits$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.edits
                                };
                            }
                            obj.edits++;
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
        return encodeMessage(obj, Roster.codec());
    }
    Roster.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Roster.codec(), opts);
    }
    Roster.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Roster.codec(), opts);
    }
    Roster.stream = stream;
})(Roster || (Roster = {}));
export var Member;
(function (Member) {
    let _codec;
    Member.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.key != null && obj.key.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.key);
                }
                if ((obj.name != null && obj.name !== '')) {
                    w.uint32(18);
                    w.string(obj.name);
                }
                if ((obj.joinedMs != null && obj.joinedMs !== 0n)) {
                    w.uint32(24);
                    (obj.joinedMs >> 32n === 0n ? w.uint64Number(Number(obj.joinedMs)) : w.uint64(obj.joinedMs));
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    key: uint8ArrayAlloc(0),
                    name: '',
                    joinedMs: 0n
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.key = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.name = reader.string();
                            break;
                        }
                        case 3: {
                            obj.joinedMs = reader.uint64();
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
                                field: `${prefix}.key`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.name`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.joinedMs`,
                                value: reader.uint64()
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
        return encodeMessage(obj, Member.codec());
    }
    Member.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Member.codec(), opts);
    }
    Member.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Member.codec(), opts);
    }
    Member.stream = stream;
})(Member || (Member = {}));
export var EditCount;
(function (EditCount) {
    let _codec;
    EditCount.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.editor != null && obj.editor.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.editor);
                }
                if ((obj.count != null && obj.count !== 0n)) {
                    w.uint32(16);
                    (obj.count >> 32n === 0n ? w.uint64Number(Number(obj.count)) : w.uint64(obj.count));
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    editor: uint8ArrayAlloc(0),
                    count: 0n
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.editor = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.count = reader.uint64();
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
                                field: `${prefix}.editor`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.count`,
                                value: reader.uint64()
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
        return encodeMessage(obj, EditCount.codec());
    }
    EditCount.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, EditCount.codec(), opts);
    }
    EditCount.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, EditCount.codec(), opts);
    }
    EditCount.stream = stream;
})(EditCount || (EditCount = {}));
export var SignedRoster;
(function (SignedRoster) {
    let _codec;
    SignedRoster.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.roster != null && obj.roster.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.roster);
                }
                if ((obj.signer != null && obj.signer.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.signer);
                }
                if ((obj.signature != null && obj.signature.byteLength > 0)) {
                    w.uint32(26);
                    w.bytes(obj.signature);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    roster: uint8ArrayAlloc(0),
                    signer: uint8ArrayAlloc(0),
                    signature: uint8ArrayAlloc(0)
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.roster = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.signer = reader.bytes();
                            break;
                        }
                        case 3: {
                            obj.signature = reader.bytes();
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
                                field: `${prefix}.roster`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.signer`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.signature`,
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
        return encodeMessage(obj, SignedRoster.codec());
    }
    SignedRoster.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, SignedRoster.codec(), opts);
    }
    SignedRoster.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, SignedRoster.codec(), opts);
    }
    SignedRoster.stream = stream;
})(SignedRoster || (SignedRoster = {}));
export var RosterHead;
(function (RosterHead) {
    let _codec;
    RosterHead.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.owner != null && obj.owner.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.owner);
                }
                if ((obj.term != null && obj.term !== 0n)) {
                    w.uint32(16);
                    (obj.term >> 32n === 0n ? w.uint64Number(Number(obj.term)) : w.uint64(obj.term));
                }
                if ((obj.version != null && obj.version !== 0n)) {
                    w.uint32(24);
                    (obj.version >> 32n === 0n ? w.uint64Number(Number(obj.version)) : w.uint64(obj.version));
                }
                if ((obj.hash != null && obj.hash.byteLength > 0)) {
                    w.uint32(34);
                    w.bytes(obj.hash);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    owner: uint8ArrayAlloc(0),
                    term: 0n,
                    version: 0n,
                    hash: uint8ArrayAlloc(0)
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.owner = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.term = reader.uint64();
                            break;
                        }
                        case 3: {
                            obj.version = reader.uint64();
                            break;
                        }
                        case 4: {
                            obj.hash = reader.bytes();
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
                                field: `${prefix}.owner`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.term`,
                                value: reader.uint64()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.version`,
                                value: reader.uint64()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.hash`,
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
        return encodeMessage(obj, RosterHead.codec());
    }
    RosterHead.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, RosterHead.codec(), opts);
    }
    RosterHead.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, RosterHead.codec(), opts);
    }
    RosterHead.stream = stream;
})(RosterHead || (RosterHead = {}));
export var FleetRequest;
(function (FleetRequest) {
    let _codec;
    FleetRequest.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.head != null) {
                    w.uint32(10);
                    RosterHead.codec().encode(obj.head, w);
                }
                if ((obj.roster != null && obj.roster.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.roster);
                }
                if ((obj.leaving != null && obj.leaving !== false)) {
                    w.uint32(24);
                    w.bool(obj.leaving);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    roster: uint8ArrayAlloc(0),
                    leaving: false
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.head = RosterHead.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.head
                            });
                            break;
                        }
                        case 2: {
                            obj.roster = reader.bytes();
                            break;
                        }
                        case 3: {
                            obj.leaving = reader.bool();
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
                            yield* RosterHead.codec().stream(reader, reader.uint32(), `${prefix}.head`, {
                                limits: opts.limits?.head
                            });
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.roster`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.leaving`,
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
        return encodeMessage(obj, FleetRequest.codec());
    }
    FleetRequest.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, FleetRequest.codec(), opts);
    }
    FleetRequest.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, FleetRequest.codec(), opts);
    }
    FleetRequest.stream = stream;
})(FleetRequest || (FleetRequest = {}));
export var FleetResponse;
(function (FleetResponse) {
    let _codec;
    FleetResponse.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.head != null) {
                    w.uint32(10);
                    RosterHead.codec().encode(obj.head, w);
                }
                if ((obj.roster != null && obj.roster.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.roster);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    roster: uint8ArrayAlloc(0)
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.head = RosterHead.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.head
                            });
                            break;
                        }
                        case 2: {
                            obj.roster = reader.bytes();
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
                            yield* RosterHead.codec().stream(reader, reader.uint32(), `${prefix}.head`, {
                                limits: opts.limits?.head
                            });
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.roster`,
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
        return encodeMessage(obj, FleetResponse.codec());
    }
    FleetResponse.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, FleetResponse.codec(), opts);
    }
    FleetResponse.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, FleetResponse.codec(), opts);
    }
    FleetResponse.stream = stream;
})(FleetResponse || (FleetResponse = {}));
export var InviteText;
(function (InviteText) {
    let _codec;
    InviteText.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.seed != null && obj.seed.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.seed);
                }
                if ((obj.owner != null && obj.owner.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.owner);
                }
                if ((obj.host != null && obj.host.byteLength > 0)) {
                    w.uint32(26);
                    w.bytes(obj.host);
                }
                if (obj.addresses != null && obj.addresses.length > 0) {
                    for (const value of obj.addresses) {
                        w.uint32(34);
                        w.bytes(value);
                    }
                }
                if ((obj.expiresMs != null && obj.expiresMs !== 0n)) {
                    w.uint32(40);
                    (obj.expiresMs >> 32n === 0n ? w.uint64Number(Number(obj.expiresMs)) : w.uint64(obj.expiresMs));
                }
                if ((obj.fleet != null && obj.fleet !== '')) {
                    w.uint32(50);
                    w.string(obj.fleet);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    seed: uint8ArrayAlloc(0),
                    owner: uint8ArrayAlloc(0),
                    host: uint8ArrayAlloc(0),
                    addresses: [],
                    expiresMs: 0n,
                    fleet: ''
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.seed = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.owner = reader.bytes();
                            break;
                        }
                        case 3: {
                            obj.host = reader.bytes();
                            break;
                        }
                        case 4: {
                            if (opts.limits?.addresses != null && obj.addresses.length === opts.limits.addresses) {
                                throw new MaxLengthError('Decode error - repeated field "addresses" had too many elements');
                            }
                            obj.addresses.push(reader.bytes());
                            break;
                        }
                        case 5: {
                            obj.expiresMs = reader.uint64();
                            break;
                        }
                        case 6: {
                            obj.fleet = reader.string();
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
                    addresses: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.seed`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.owner`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.host`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 4: {
                            if (opts.limits?.addresses != null && obj.addresses === opts.limits.addresses) {
                                throw new MaxLengthError('Streaming decode error - repeated field "addresses" had too many elements');
                            }
                            yield {
                                field: `${prefix}.addresses[]`,
                                index: obj.addresses,
                                value: reader.bytes()
                            };
                            obj.addresses++;
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.expiresMs`,
                                value: reader.uint64()
                            };
                            break;
                        }
                        case 6: {
                            yield {
                                field: `${prefix}.fleet`,
                                value: reader.string()
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
        return encodeMessage(obj, InviteText.codec());
    }
    InviteText.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, InviteText.codec(), opts);
    }
    InviteText.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, InviteText.codec(), opts);
    }
    InviteText.stream = stream;
})(InviteText || (InviteText = {}));
export var JoinRequest;
(function (JoinRequest) {
    let _codec;
    JoinRequest.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.invite != null && obj.invite.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.invite);
                }
                if ((obj.name != null && obj.name !== '')) {
                    w.uint32(18);
                    w.string(obj.name);
                }
                if ((obj.proof != null && obj.proof.byteLength > 0)) {
                    w.uint32(26);
                    w.bytes(obj.proof);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    invite: uint8ArrayAlloc(0),
                    name: '',
                    proof: uint8ArrayAlloc(0)
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.invite = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.name = reader.string();
                            break;
                        }
                        case 3: {
                            obj.proof = reader.bytes();
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
                                field: `${prefix}.invite`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.name`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.proof`,
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
        return encodeMessage(obj, JoinRequest.codec());
    }
    JoinRequest.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, JoinRequest.codec(), opts);
    }
    JoinRequest.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, JoinRequest.codec(), opts);
    }
    JoinRequest.stream = stream;
})(JoinRequest || (JoinRequest = {}));
export var JoinResponse;
(function (JoinResponse) {
    let _codec;
    JoinResponse.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.roster != null && obj.roster.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.roster);
                }
                if ((obj.refusal != null && obj.refusal !== '')) {
                    w.uint32(18);
                    w.string(obj.refusal);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    roster: uint8ArrayAlloc(0),
                    refusal: ''
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.roster = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.refusal = reader.string();
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
                                field: `${prefix}.roster`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.refusal`,
                                value: reader.string()
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
        return encodeMessage(obj, JoinResponse.codec());
    }
    JoinResponse.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, JoinResponse.codec(), opts);
    }
    JoinResponse.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, JoinResponse.codec(), opts);
    }
    JoinResponse.stream = stream;
})(JoinResponse || (JoinResponse = {}));
export var StoredFleet;
(function (StoredFleet) {
    let _codec;
    StoredFleet.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.roster != null && obj.roster.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.roster);
                }
                if (obj.edits != null && obj.edits.length > 0) {
                    for (const value of obj.edits) {
                        w.uint32(18);
                        StoredEdit.codec().encode(value, w);
                    }
                }
                if (obj.invites != null && obj.invites.length > 0) {
                    for (const value of obj.invites) {
                        w.uint32(26);
                        StoredInvite.codec().encode(value, w);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    roster: uint8ArrayAlloc(0),
                    edits: [],
                    invites: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.roster = reader.bytes();
                            break;
                        }
                        case 2: {
                            if (opts.limits?.edits != null && obj.edits.length === opts.limits.edits) {
                                throw new MaxLengthError('Decode error - repeated field "edits" had too many elements');
                            }
                            obj.edits.push(StoredEdit.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.edits$
                            }));
                            break;
                        }
                        case 3: {
                            if (opts.limits?.invites != null && obj.invites.length === opts.limits.invites) {
                                throw new MaxLengthError('Decode error - repeated field "invites" had too many elements');
                            }
                            obj.invites.push(StoredInvite.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.invites$
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
                    edits: 0,
                    invites: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.roster`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            if (opts.limits?.edits != null && obj.edits === opts.limits.edits) {
                                throw new MaxLengthError('Streaming decode error - repeated field "edits" had too many elements');
                            }
                            for (const evt of StoredEdit.codec().stream(reader, reader.uint32(), `${prefix}.edits[]`, {
                                limits: opts.limits?.edits$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.edits
                                };
                            }
                            obj.edits++;
                            break;
                        }
                        case 3: {
                            if (opts.limits?.invites != null && obj.invites === opts.limits.invites) {
                                throw new MaxLengthError('Streaming decode error - repeated field "invites" had too many elements');
                            }
                            for (const evt of StoredInvite.codec().stream(reader, reader.uint32(), `${prefix}.invites[]`, {
                                limits: opts.limits?.invites$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.invites
                                };
                            }
                            obj.invites++;
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
        return encodeMessage(obj, StoredFleet.codec());
    }
    StoredFleet.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, StoredFleet.codec(), opts);
    }
    StoredFleet.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, StoredFleet.codec(), opts);
    }
    StoredFleet.stream = stream;
})(StoredFleet || (StoredFleet = {}));
export var StoredEdit;
(function (StoredEdit) {
    let _codec;
    StoredEdit.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.count != null && obj.count !== 0n)) {
                    w.uint32(8);
                    (obj.count >> 32n === 0n ? w.uint64Number(Number(obj.count)) : w.uint64(obj.count));
                }
                if ((obj.kind != null && obj.kind !== '')) {
                    w.uint32(18);
                    w.string(obj.kind);
                }
                if ((obj.key != null && obj.key.byteLength > 0)) {
                    w.uint32(26);
                    w.bytes(obj.key);
                }
                if ((obj.name != null && obj.name !== '')) {
                    w.uint32(34);
                    w.string(obj.name);
                }
                if ((obj.joinedMs != null && obj.joinedMs !== 0n)) {
                    w.uint32(40);
                    (obj.joinedMs >> 32n === 0n ? w.uint64Number(Number(obj.joinedMs)) : w.uint64(obj.joinedMs));
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    count: 0n,
                    kind: '',
                    key: uint8ArrayAlloc(0),
                    name: '',
                    joinedMs: 0n
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.count = reader.uint64();
                            break;
                        }
                        case 2: {
                            obj.kind = reader.string();
                            break;
                        }
                        case 3: {
                            obj.key = reader.bytes();
                            break;
                        }
                        case 4: {
                            obj.name = reader.string();
                            break;
                        }
                        case 5: {
                            obj.joinedMs = reader.uint64();
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
                                field: `${prefix}.count`,
                                value: reader.uint64()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.kind`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.key`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.name`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.joinedMs`,
                                value: reader.uint64()
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
        return encodeMessage(obj, StoredEdit.codec());
    }
    StoredEdit.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, StoredEdit.codec(), opts);
    }
    StoredEdit.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, StoredEdit.codec(), opts);
    }
    StoredEdit.stream = stream;
})(StoredEdit || (StoredEdit = {}));
export var StoredInvite;
(function (StoredInvite) {
    let _codec;
    StoredInvite.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.key != null && obj.key.byteLength > 0)) {
                    w.uint32(10);
                    w.bytes(obj.key);
                }
                if ((obj.createdMs != null && obj.createdMs !== 0n)) {
                    w.uint32(16);
                    (obj.createdMs >> 32n === 0n ? w.uint64Number(Number(obj.createdMs)) : w.uint64(obj.createdMs));
                }
                if ((obj.expiresMs != null && obj.expiresMs !== 0n)) {
                    w.uint32(24);
                    (obj.expiresMs >> 32n === 0n ? w.uint64Number(Number(obj.expiresMs)) : w.uint64(obj.expiresMs));
                }
                if ((obj.name != null && obj.name !== '')) {
                    w.uint32(34);
                    w.string(obj.name);
                }
                if ((obj.usedBy != null && obj.usedBy.byteLength > 0)) {
                    w.uint32(42);
                    w.bytes(obj.usedBy);
                }
                if ((obj.maker != null && obj.maker.byteLength > 0)) {
                    w.uint32(50);
                    w.bytes(obj.maker);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    key: uint8ArrayAlloc(0),
                    createdMs: 0n,
                    expiresMs: 0n,
                    name: '',
                    usedBy: uint8ArrayAlloc(0),
                    maker: uint8ArrayAlloc(0)
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.key = reader.bytes();
                            break;
                        }
                        case 2: {
                            obj.createdMs = reader.uint64();
                            break;
                        }
                        case 3: {
                            obj.expiresMs = reader.uint64();
                            break;
                        }
                        case 4: {
                            obj.name = reader.string();
                            break;
                        }
                        case 5: {
                            obj.usedBy = reader.bytes();
                            break;
                        }
                        case 6: {
                            obj.maker = reader.bytes();
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
                                field: `${prefix}.key`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.createdMs`,
                                value: reader.uint64()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.expiresMs`,
                                value: reader.uint64()
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.name`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.usedBy`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 6: {
                            yield {
                                field: `${prefix}.maker`,
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
        return encodeMessage(obj, StoredInvite.codec());
    }
    StoredInvite.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, StoredInvite.codec(), opts);
    }
    StoredInvite.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, StoredInvite.codec(), opts);
    }
    StoredInvite.stream = stream;
})(StoredInvite || (StoredInvite = {}));
