#!/usr/bin/env python3
"""Serve a GGUF model with llama.cpp's own C++ HTTP server, as the `xllamacpp` wheel carries it.

usage:  xllamacpp_server.py MODEL.gguf PORT        (the API key is read from XLLAMACPP_API_KEY)
"""
import os
import signal
import sys

import xllamacpp


def main() -> None:
    model, port = sys.argv[1], int(sys.argv[2])
    # Blocked before the server's threads exist, so that they inherit the mask and only sigwait sees the signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.model_alias = {"tiny"} if isinstance(parameters.model_alias, set) else ["tiny"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.api_keys = [os.environ["XLLAMACPP_API_KEY"]]
    # Four slots of 2 048 tokens: several streams run at once, where llama_cpp.server serves one at a time.
    parameters.n_parallel = 4
    parameters.n_ctx = 8192
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = 1
    parameters.use_jinja = True
    parameters.embedding = True
    server = xllamacpp.Server(parameters)
    print(f"listening on {server.listening_address}", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    # The C++ server has threads of its own; leaving without their destructors is what a container's stop does too.
    os._exit(0)


if __name__ == "__main__":
    main()
