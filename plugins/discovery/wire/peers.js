import { decodeMessage, encodeMessage, MaxLengthError, message, streamMessage } from 'protons-runtime';
export var Question;
(function (Question) {
    let _codec;
    Question.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.records != null && obj.records.length > 0) {
                    for (const value of obj.records) {
                        w.uint32(10);
                        w.bytes(value);
                    }
                }
                if ((obj.wanted != null && obj.wanted !== 0)) {
                    w.uint32(16);
                    w.uint32(obj.wanted);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    records: [],
                    wanted: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.records != null && obj.records.length === opts.limits.records) {
                                throw new MaxLengthError('Decode error - repeated field "records" had too many elements');
                            }
                            obj.records.push(reader.bytes());
                            break;
                        }
                        case 2: {
                            obj.wanted = reader.uint32();
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
                    records: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.records != null && obj.records === opts.limits.records) {
                                throw new MaxLengthError('Streaming decode error - repeated field "records" had too many elements');
                            }
                            yield {
                                field: `${prefix}.records[]`,
                                index: obj.records,
                                value: reader.bytes()
                            };
                            obj.records++;
                            break;
                        }
                        case 2: {
                            yield {
                                field: `${prefix}.wanted`,
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
        return encodeMessage(obj, Question.codec());
    }
    Question.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, Question.codec(), opts);
    }
    Question.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, Question.codec(), opts);
    }
    Question.stream = stream;
})(Question || (Question = {}));
export var Answer;
(function (Answer) {
    let _codec;
    Answer.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.records != null && obj.records.length > 0) {
                    for (const value of obj.records) {
                        w.uint32(10);
                        w.bytes(value);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    records: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.records != null && obj.records.length === opts.limits.records) {
                                throw new MaxLengthError('Decode error - repeated field "records" had too many elements');
                            }
                            obj.records.push(reader.bytes());
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
                    records: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.records != null && obj.records === opts.limits.records) {
                                throw new MaxLengthError('Streaming decode error - repeated field "records" had too many elements');
                            }
                            yield {
                                field: `${prefix}.records[]`,
                                index: obj.records,
                                value: reader.bytes()
                            };
                            obj.records++;
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
