import { decodeMessage, encodeMessage, MaxLengthError, message, streamMessage } from 'protons-runtime';
export var LaneRequest;
(function (LaneRequest) {
    let _codec;
    LaneRequest.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if ((obj.protocol != null && obj.protocol !== '')) {
                    w.uint32(10);
                    w.string(obj.protocol);
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    protocol: ''
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            obj.protocol = reader.string();
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
                                field: `${prefix}.protocol`,
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
        return encodeMessage(obj, LaneRequest.codec());
    }
    LaneRequest.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, LaneRequest.codec(), opts);
    }
    LaneRequest.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, LaneRequest.codec(), opts);
    }
    LaneRequest.stream = stream;
})(LaneRequest || (LaneRequest = {}));
export var LaneResponse;
(function (LaneResponse) {
    let _codec;
    LaneResponse.codec = () => {
        if (_codec == null) {
            _codec = message((obj, w, opts = {}) => {
                if (opts.lengthDelimited !== false) {
                    w.fork();
                }
                if (obj.ports != null && obj.ports.length > 0) {
                    for (const value of obj.ports) {
                        w.uint32(8);
                        w.uint32(value);
                    }
                }
                if (opts.lengthDelimited !== false) {
                    w.ldelim();
                }
            }, (reader, length, opts = {}) => {
                const obj = {
                    ports: []
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.ports != null && obj.ports.length === opts.limits.ports) {
                                throw new MaxLengthError('Decode error - repeated field "ports" had too many elements');
                            }
                            obj.ports.push(reader.uint32());
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
                    ports: 0
                };
                const end = length == null ? reader.len : reader.pos + length;
                while (reader.pos < end) {
                    const tag = reader.uint32();
                    switch (tag >>> 3) {
                        case 1: {
                            if (opts.limits?.ports != null && obj.ports === opts.limits.ports) {
                                throw new MaxLengthError('Streaming decode error - repeated field "ports" had too many elements');
                            }
                            yield {
                                field: `${prefix}.ports[]`,
                                index: obj.ports,
                                value: reader.uint32()
                            };
                            obj.ports++;
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
        return encodeMessage(obj, LaneResponse.codec());
    }
    LaneResponse.encode = encode;
    function decode(buf, opts) {
        return decodeMessage(buf, LaneResponse.codec(), opts);
    }
    LaneResponse.decode = decode;
    function stream(buf, opts) {
        return streamMessage(buf, LaneResponse.codec(), opts);
    }
    LaneResponse.stream = stream;
})(LaneResponse || (LaneResponse = {}));
