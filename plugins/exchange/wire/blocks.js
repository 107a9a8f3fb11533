import { decodeMessage, encodeMessage, enumeration, MaxLengthError, message, streamMessage } from 'protons-runtime';
import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc';
export var Request;
(function (Request) {
    let _codec;
    Request.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.wants != null && obj.wants.length > 0) {
                    for (const value of obj.wants) {
                        w.uint32(10);
                        Want.codec().encode(value, w);
                    }
                }
                if (obj.cancels != null && obj.cancels.length > 0) {
                    for (const value of obj.cancels) {
                        w.uint32(16);
                        w.uint32(value);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    wants: [],
                    cancels: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.wants != null && obj.wants.length === opts.limits.wants) {
                                throw new MaxLengthError('Decode error - repeated field "wants" had too many elements');
                            }
                            obj.wants.push(Want.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.wants$
                            }));
                            break;
                        }
                        case 2: {
                            if (opts.limits?.cancels != null && obj.cancels.length === opts.limits.cancels) {
                                throw new MaxLengthError('Decode error - repeated field "cancels" had too many elements');
                            }
                            obj.cancels.push(reader.uint32());
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
                    wants: 0,
                    cancels: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.wants != null && obj.wants === opts.limits.wants) {
                                throw new MaxLengthError('Streaming decode error - repeated field "wants" had too many elements');
                            }
                            for (const evt of Want.codec().stream(reader, reader.uint32(), `${prefix}.wants[]`, {
                                limits: opts.limits?.wants$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.wants
                                };
                            }
                            obj.wants++;
                            break;
                        }
                        case 2: {
                            if (opts.limits?.cancels != null && obj.cancels === opts.limits.cancels) {
                                throw new MaxLengthError('Streaming decode error - repeated field "cancels" had too many elements');
                            }
                            yield {
                                field: `${prefix}.cancels[]`,
                                index: obj.cancels,
                                value: reader.uint32()
                            };
                            obj.cancels++;
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
        return encodeMessage(obj, Request.codec());
    }
    Request.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Request.codec(), opts);
    }
    Request.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Request.codec(), opts);
    }
    Request.stream = stream;
})(Request || (Request = {}));
export var Want;
(function (Want) {
    let _codec;
    Want.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.id != null && obj.id !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.id);
                }
                if ((obj.cid != null && obj.cid.byteLength > 0)) {
                    w.uint32(18);
                    w.bytes(obj.cid);
                }
                if (obj.mode != null && __ModeValues[obj.mode] !== 0) {
                    w.uint32(24);
                    Mode.codec().encode(obj.mode, w);
                }
                if ((obj.sizeHint != null && obj.sizeHint !== 0)) {
                    w.uint32(32);
                    w.uint32(obj.sizeHint);
                }
                if ((obj.patient != null && obj.patient !== false)) {
                    w.uint32(40);
                    w.bool(obj.patient);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    id: 0,
                    cid: uint8ArrayAlloc(0),
                    mode: Mode.BLOCK,
                    sizeHint: 0,
                    patient: false
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.id = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.cid = reader.bytes();
                            break;
                        }
                        case 3: {
                            obj.mode = Mode.codec().decode(reader);
                            break;
                        }
                        case 4: {
                            obj.sizeHint = reader.uint32();
                            break;
                        }
                        case 5: {
                            obj.patient = reader.bool();
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
                                field: `${prefix}.id`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.cid`,
                                value: reader.bytes()
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.mode`,
                                value: Mode.codec().decode(reader)
                            };
                            break;
                        }
                        case 4: {
                            yield {
                                field: `${prefix}.sizeHint`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 5: {
                            yield {
                                field: `${prefix}.patient`,
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
        return encodeMessage(obj, Want.codec());
    }
    Want.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Want.codec(), opts);
    }
    Want.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Want.codec(), opts);
    }
    Want.stream = stream;
})(Want || (Want = {}));
export var Mode;
(function (Mode) {
    Mode["BLOCK"] = "BLOCK";
    Mode["HAVE"] = "HAVE";
})(Mode || (Mode = {}));
var __ModeValues;
(function (__ModeValues) {
    __ModeValues[__ModeValues["BLOCK"] = 0] = "BLOCK";
    __ModeValues[__ModeValues["HAVE"] = 1] = "HAVE";
})(__ModeValues || (__ModeValues = {}));
(function (Mode) {
    Mode.codec = () => {
        return enumeration(__ModeValues);
    };
})(Mode || (Mode = {}));
export var Reply;
(function (Reply) {
    let _codec;
    Reply.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.answers != null && obj.answers.length > 0) {
                    for (const value of obj.answers) {
                        w.uint32(10);
                        Answer.codec().encode(value, w);
                    }
                }
                if (obj.haveUpdates != null && obj.haveUpdates.length > 0) {
                    for (const value of obj.haveUpdates) {
                        w.uint32(18);
                        w.bytes(value);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    answers: [],
                    haveUpdates: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.answers != null && obj.answers.length === opts.limits.answers) {
                                throw new MaxLengthError('Decode error - repeated field "answers" had too many elements');
                            }
                            obj.answers.push(Answer.codec().decode(reader, reader.uint32(), {
                                limits: opts.limits?.answers$
                            }));
                            break;
                        }
                        case 2: {
                            if (opts.limits?.haveUpdates != null && obj.haveUpdates.length === opts.limits.haveUpdates) {
                                throw new MaxLengthError('Decode error - repeated field "haveUpdates" had too many elements');
                            }
                            obj.haveUpdates.push(reader.bytes());
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
                    answers: 0,
                    haveUpdates: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.answers != null && obj.answers === opts.limits.answers) {
                                throw new MaxLengthError('Streaming decode error - repeated field "answers" had too many elements');
                            }
                            for (const evt of Answer.codec().stream(reader, reader.uint32(), `${prefix}.answers[]`, {
                                limits: opts.limits?.answers$
                            })) {
                                yield {
                                    ...evt,
                                    index: obj.answers
                                };
                            }
                            obj.answers++;
                            break;
                        }
                        case 2: {
                            if (opts.limits?.haveUpdates != null && obj.haveUpdates === opts.limits.haveUpdates) {
                                throw new MaxLengthError('Streaming decode error - repeated field "haveUpdates" had too many elements');
                            }
                            yield {
                                field: `${prefix}.haveUpdates[]`,
                                index: obj.haveUpdates,
                                value: reader.bytes()
                            };
                            obj.haveUpdates++;
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
        return encodeMessage(obj, Reply.codec());
    }
    Reply.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Reply.codec(), opts);
    }
    Reply.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Reply.codec(), opts);
    }
    Reply.stream = stream;
})(Reply || (Reply = {}));
export var Answer;
(function (Answer) {
    let _codec;
    Answer.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.id != null && obj.id !== 0)) {
                    w.uint32(8);
                    w.uint32(obj.id);
                }
                if (obj.status != null && __StatusValues[obj.status] !== 0) {
                    w.uint32(16);
                    Status.codec().encode(obj.status, w);
                }
                if ((obj.length != null && obj.length !== 0)) {
                    w.uint32(24);
                    w.uint32(obj.length);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    id: 0,
                    status: Status.OK,
                    length: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.id = reader.uint32();
                            break;
                        }
                        case 2: {
                            obj.status = Status.codec().decode(reader);
                            break;
                        }
                        case 3: {
                            obj.length = reader.uint32();
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
                                field: `${prefix}.id`,
                                value: reader.uint32()
                            };
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.status`,
                                value: Status.codec().decode(reader)
                            };
                            break;
                        }
                        case 3: {
                            yield {
                                field: `${prefix}.length`,
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
        return encodeMessage(obj, Answer.codec());
    }
    Answer.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Answer.codec(), opts);
    }
    Answer.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Answer.codec(), opts);
    }
    Answer.stream = stream;
})(Answer || (Answer = {}));
export var Status;
(function (Status) {
    Status["OK"] = "OK";
    Status["MISSING"] = "MISSING";
    Status["BUSY"] = "BUSY";
    Status["CANCELLED"] = "CANCELLED";
})(Status || (Status = {}));
var __StatusValues;
(function (__StatusValues) {
    __StatusValues[__StatusValues["OK"] = 0] = "OK";
    __StatusValues[__StatusValues["MISSING"] = 1] = "MISSING";
    __StatusValues[__StatusValues["BUSY"] = 2] = "BUSY";
    __StatusValues[__StatusValues["CANCELLED"] = 3] = "CANCELLED";
})(__StatusValues || (__StatusValues = {}));
(function (Status) {
    Status.codec = () => {
        return enumeration(__StatusValues);
    };
})(Status || (Status = {}));
