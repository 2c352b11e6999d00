"""Execution environments of `provided` functions: what they find, and how they are said to end."""

from __future__ import annotations

import datetime
import json
import os
import re
import secrets
import signal
import threading
import time
import uuid

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from . import logs

NEEDS = {
    "ministack.core.lambda_runtime:ProvidedInitTimeout": type,
    "ministack.core.lambda_runtime:ProvidedRuntimeError": type,
    "ministack.core.lambda_runtime:ProvidedWorker": type,
    "ministack.core.lambda_runtime:ProvidedWorker.invoke": "self, event, request_id, *, trace_id, invoked_function_arn",
    "ministack.core.lambda_runtime:ProvidedWorker._spawn": "self, init_timeout",
    "ministack.core.lambda_runtime:ProvidedWorker._teardown": "self",
    "ministack.core.lambda_runtime:ProvidedWorker._init_log_suffix": "self",
    "ministack.core.lambda_runtime:ProvidedWorker._drain_stderr": "self",
    "ministack.core.lambda_runtime:_worker_class_for": "config",
    "ministack.services.lambda_svc:_inbound_invoke_depth": "headers",
    "ministack.services.lambda_svc:_provided_worker_env": "config, code_dir, port",
    "ministack.services.lambda_svc:_runtime_env_vars": "config",
    "ministack.services.lambda_svc:_xray_trace_id_for_invocation": "config, inbound_trace_header",
}

# Of the emulator's own environment a function gets what it could not reach the emulator or its interpreter without.
_INHERITED = ("PATH", "AWS_ENDPOINT_URL")

_LINEAGE = re.compile(r"Lineage=([^;]+)")

# The environment being spawned in this thread; the environment's variables are made several calls further down.
_spawning = threading.local()


class Environment(lambda_runtime.ProvidedWorker):
    """A worker that reports its end in AWS's words and knows its log stream."""

    log_stream = ""
    _exit_code: int | None = None

    def _spawn(self, init_timeout=None):
        today = datetime.datetime.now(datetime.timezone.utc)
        version = self.config.get("Version", "$LATEST")
        self.log_stream = f"{today:%Y/%m/%d}/[{version}]{uuid.uuid4().hex}"
        self._exit_code = None
        _spawning.log_stream = self.log_stream
        super()._spawn(init_timeout)

    def _teardown(self):
        process = self._proc
        if process is not None:
            # Asked before the process is told to end: None means that it was still running.
            self._exit_code = process.poll()
            if self._exit_code is None:
                # AWS gives a sandbox it ends no signal to handle.
                process.kill()
        super()._teardown()

    def _init_log_suffix(self):
        # What the process wrote goes to its log group, not into the error.
        return ""

    def invoke(self, event, request_id, *, trace_id=None, invoked_function_arn=None):
        try:
            result = super().invoke(
                event, request_id, trace_id=trace_id, invoked_function_arn=invoked_function_arn
            )
        except lambda_runtime.ProvidedInitTimeout:
            result = self._failure("Sandbox.Timedout", self._timed_out(), request_id)
        except lambda_runtime.ProvidedRuntimeError as error:
            result = self._failure(error.error_type, str(error), request_id)
        except RuntimeError:
            if isinstance(self._init_error, dict):
                result = {"status": "error", "error": "", "error_payload": self._init_error,
                          "log": self._drain_stderr()}
            else:
                result = self._failure("Runtime.ExitError", self._exit_reason(), request_id)
        else:
            kind = (result.get("error_payload") or {}).get("errorType") if result["status"] == "error" else None
            if kind == "Sandbox.Timedout" and self._proc is None:
                result = self._failure(kind, self._timed_out(), request_id, result["log"])
            elif kind == "Runtime.ExitError" and self._proc is None:
                result = self._failure(kind, self._exit_reason(), request_id, result["log"])
        logs.current_stream.set(self.log_stream)
        return result

    def _timed_out(self) -> str:
        return f"Task timed out after {float(self.config.get('Timeout', 3)):.2f} seconds"

    def _exit_reason(self) -> str:
        code = self._exit_code
        if code is None or code == 0:
            return "Runtime exited without providing a reason"
        if code < 0:
            name = signal.strsignal(-code) or str(-code)
            return f"Runtime exited with error: signal: {name.lower()}"
        return f"Runtime exited with error: exit status {code}"

    def _failure(self, kind: str, reason: str, request_id: str, log: str | None = None) -> dict:
        log = self._drain_stderr() if log is None else log
        if kind == "Sandbox.Timedout":
            now = datetime.datetime.now(datetime.timezone.utc)
            line = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z {request_id} {reason}"
        else:
            line = f"RequestId: {request_id} Error: {reason}"
        payload = {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {reason}"}
        log = f"{log}\n{line}" if log else line
        return {"status": "error", "error": reason, "error_payload": payload, "log": log}


def _variables(config: dict, made: dict) -> dict:
    """The variables AWS sets, the function's own, and nothing of the emulator's."""
    own = lambda_svc._runtime_env_vars(config)
    foreign = [name for name in os.environ if name not in _INHERITED and name not in own]
    # A name the emulator was started with may also be one that Lambda sets, with another value.
    variables = {
        name: value for name, value in made.items() if name not in foreign or os.environ[name] != value
    }
    variables.update({
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": logs.group_name(config),
        "AWS_LAMBDA_LOG_STREAM_NAME": getattr(_spawning, "log_stream", ""),
        "LANG": "en_US.UTF-8",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "TZ": ":UTC",
        **{name: value for name, value in own.items() if name in ("LANG", "TZ")},
        # What whoever started the emulator wants every function to see, such as another DNS resolver.
        **json.loads(os.environ.get("FUNCTION_VARIABLES", "{}")),
    })
    return variables


def _trace(depth: int, arn: str) -> str:
    """A trace header; its lineage counts the invocations of a chain, which ends a loop."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0;Lineage=1:{abs(hash(arn)) % 16**8:08x}:{depth}"


def _depth(header: str) -> int:
    found = _LINEAGE.search(header or "")
    last = found.group(1).split("|")[-1].rsplit(":", 1)[-1] if found else ""
    return int(last) if last.isdigit() else 0


def install() -> None:
    worker_class_for = lambda_runtime._worker_class_for
    provided_worker_env = lambda_svc._provided_worker_env
    inbound_invoke_depth = lambda_svc._inbound_invoke_depth

    def environment_class_for(config):
        chosen = worker_class_for(config)
        return Environment if chosen is lambda_runtime.ProvidedWorker else chosen

    def worker_env(config, code_dir, port):
        return _variables(config, provided_worker_env(config, code_dir, port))

    def trace_id(config, inbound_trace_header=None):
        return inbound_trace_header or _trace(lambda_svc._invoke_depth.get(), config.get("FunctionArn", ""))

    def invoke_depth(headers):
        return max(inbound_invoke_depth(headers), _depth(headers.get("x-amzn-trace-id", "")))

    lambda_runtime._worker_class_for = environment_class_for
    lambda_svc._provided_worker_env = worker_env
    lambda_svc._xray_trace_id_for_invocation = trace_id
    lambda_svc._inbound_invoke_depth = invoke_depth
