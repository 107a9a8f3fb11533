import { decodeMessage, encodeMessage, MaxLengthError, message, streamMessage } from 'protons-runtime';
export var StoredPeer;
(function (StoredPeer) {
    let _codec;
    StoredPeer.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.rank != null && obj.rank !== 0n)) {
                    w.uint32(8);
                    (obj.rank >> 32n === 0n ? w.uint64Number(Number(obj.rank)) : w.uint64(obj.rank));
                }
                if ((obj.lastSeenMs != null && obj.lastSeenMs !== 0n)) {
                    w.uint32(16);
                    (obj.lastSeenMs >> 32n === 0n ? w.uint64Number(Number(obj.lastSeenMs)) : w.uint64(obj.lastSeenMs));
                }
                if ((obj.foundBy != null && obj.foundBy !== '')) {
                    w.uint32(26);
                    w.string(obj.foundBy);
                }
                if (obj.addresses != null && obj.addresses.length > 0) {
                    for (const value of obj.addresses) {
                        w.uint32(34);
                        w.string(value);
                    }
                }
                if ((obj.agent != null && obj.agent !== '')) {
                    w.uint32(42);
                    w.string(obj.agent);
                }
                if (obj.evidence != null && obj.evidence.length > 0) {
                    for (const value of obj.evidence) {
                        w.uint32(50);
                        StoredCount.codec().encode(value, w);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    rank: 0n,
                    lastSeenMs: 0n,
                    foundBy: '',
                    addresses: [],
                    agent: '',
                    evidence: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.rank = reader.uint64();
                            break;
                        }
                        case 2: {
                            obj.lastSeenMs = reader.uint64();
                            break;
                        }
                        case 3: {
                            obj.foundBy = reader.string();
                            break;
                        }
                        case 4: {
                            if (opts.limits?.addresses != null && obj.addresses.length === opts.limits.addresses) {
                                throw new MaxLengthError('Decode error - repeated field "addresses" had too many elements');
                            }
                            obj.addresses.push(reader.string());
                            break;
                        }
                        case 5: {
                            obj.agent = reader.string();
                            break;
                        }
                        case 6: {
                            if (opts.limits?.evidence != null && obj.evidence.length === opts.limits.evidence) {
                                throw new MaxLengthError('Decode error - repeated field "evidence" had too many elements');
                            }
                            obj.evidence.push(StoredCount.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.evidence$
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
                    addresses: 0,
                    evidence: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            yield {
                                field: `${prefix}.rank`,
                                value: reader.uint64()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.lastSeenMs`,
                                value: reader.uint64()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.foundBy`,
                                value: reader.string()
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
                                value: reader.string()
                            };
                            obj.addresses++;
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.agent`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 6: {
                            if (opts.limits?.evidence != null && obj.evidence === opts.limits.evidence) {
                                throw new MaxLengthError('Streaming decode error - repeated field "evidence" had too many elements');
                            }
                            for (const evt of StoredCount.codec().stream(reader, reader.uint32(), `${prefix}.evidence[]`, {
                                limits: opts.limits?.evidence$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.evidence
                                };
                            }
                            obj.evidence++;
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
        return encodeMessage(obj, StoredPeer.codec());
    }
    StoredPeer.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, StoredPeer.codec(), opts);
    }
    StoredPeer.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, StoredPeer.codec(), opts);
    }
    StoredPeer.stream = stream;
})(StoredPeer || (StoredPeer = {}));
export var StoredCount;
(function (StoredCount) {
    let _codec;
    StoredCount.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.kind != null && obj.kind !== '')) {
                    w.uint32(10);
                    w.string(obj.kind);
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
                    kind: '',
                    count: 0n
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.kind = reader.string();
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
                                field: `${prefix}.kind`,
                                value: reader.string()
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
        return encodeMessage(obj, StoredCount.codec());
    }
    StoredCount.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, StoredCount.codec(), opts);
    }
    StoredCount.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, StoredCount.codec(), opts);
    }
    StoredCount.stream = stream;
})(StoredCount || (StoredCount = {}));
export var StoredTags;
(function (StoredTags) {
    let _codec;
    StoredTags.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.tags != null && obj.tags.length > 0) {
                    for (const value of obj.tags) {
                        w.uint32(10);
                        StoredTag.codec().encode(value, w);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    tags: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.tags != null && obj.tags.length === opts.limits.tags) {
                                throw new MaxLengthError('Decode error - repeated field "tags" had too many elements');
                            }
                            obj.tags.push(StoredTag.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.tags$
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
                    tags: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.tags != null && obj.tags === opts.limits.tags) {
                                throw new MaxLengthError('Streaming decode error - repeated field "tags" had too many elements');
                            }
                            for (const evt of StoredTag.codec().stream(reader, reader.uint32(), `${prefix}.tags[]`, {
                                limits: opts.limits?.tags$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.tags
                                };
                            }
                            obj.tags++;
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
        return encodeMessage(obj, StoredTags.codec());
    }
    StoredTags.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, StoredTags.codec(), opts);
    }
    StoredTags.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, StoredTags.codec(), opts);
    }
    StoredTags.stream = stream;
})(StoredTags || (StoredTags = {}));
export var StoredTag;
(function (StoredTag) {
    let _codec;
    StoredTag.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.name != null && obj.name !== '')) {
                    w.uint32(10);
                    w.string(obj.name);
                }
                if ((obj.value != null && obj.value !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.value);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    name: '',
                    value: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.name = reader.string();
                            break;
                        }
                        case 2: {
                            obj.value = reader.uint32();
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
                                field: `${prefix}.name`,
                                value: reader.string()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.value`,
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
        return encodeMessage(obj, StoredTag.codec());
    }
    StoredTag.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, StoredTag.codec(), opts);
    }
    StoredTag.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, StoredTag.codec(), opts);
    }
    StoredTag.stream = stream;
})(StoredTag || (StoredTag = {}));
