"""From a torch.nn.Module or a scikit-learn estimator to the bytes of an ONNX file.

torch is imported by whoever has a module; here it is only used. A module comes back as it was: training flags are restored.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import inspect
import io
import logging
import sys
import traceback
import warnings
from collections.abc import Mapping
from typing import Any, Callable, Iterator, Optional

from ._data import is_table, is_tensor, to_numpy
from ._errors import UseError, use_error

log = logging.getLogger("tessera")

# PyTorch's exporters write these operator sets since 1.13 and 2.5
OPSET = 17
OPSET_DYNAMO = 18


def is_module(x: Any) -> bool:
    """Whether this is a torch.nn.Module, without importing torch."""
    return any(c.__module__.startswith("torch.") and c.__name__ == "Module" for c in type(x).__mro__)


def unwrapped(x: Any) -> Any:
    """The module inside of what spreads it over devices or compiles it."""
    while is_module(x):
        kind = type(x).__name__
        if kind == "OptimizedModule" and hasattr(x, "_orig_mod"):
            x = x._orig_mod
        elif kind in ("DataParallel", "DistributedDataParallel"):
            x = x.module
        else:
            break
    return x


def is_estimator(x: Any) -> bool:
    """Whether this is a scikit-learn estimator, without importing scikit-learn."""
    return any(c.__module__.startswith("sklearn.") and c.__name__ == "BaseEstimator" for c in type(x).__mro__)


def input_names(module: Any, count: int) -> list[str]:
    """The names of the first `count` parameters of the module's forward."""
    try:
        parameters = list(inspect.signature(module.forward).parameters.values())
    except ValueError:
        # a traced module keeps no signature that Python reads, and has a schema
        return [a.name for a in module.forward.schema.arguments[1:]][:count]
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    more = [f"input{i}" for i in range(len(plain), count)]
    return (plain + more)[:count]


def _called(module: Any, call: Callable[..., Any]) -> Any:
    """A module that is called in another way. Its layers keep their names: it has the other's parts for its own."""
    import torch

    class Called(torch.nn.Module):
        def forward(self, *tensors: Any) -> Any:
            return call(*tensors)

    Called.__name__ = type(module).__name__
    whole = Called()
    whole._modules, whole._parameters, whole._buffers = module._modules, module._parameters, module._buffers
    return whole.eval()


def _in_order(module: Any, keywords: list[str]) -> Any:
    """A module that takes its inputs one by one, of one that takes them by these keywords, as models of Hugging Face do."""
    return _called(module, lambda *tensors: module(**dict(zip(keywords, tensors))))


def _unpacked(module: Any) -> Any:
    """A module that gives the tensors of a mapping, of one that gives the mapping."""

    def call(*tensors: Any) -> Any:
        results = tuple(x for x in module(*tensors).values() if is_tensor(x))
        return results[0] if len(results) == 1 else results

    return _called(module, call)


def by_keyword(module: Any, given: Mapping[str, Any]) -> list[str]:
    """The keywords of these inputs, in the order of the module's forward where it names them."""
    order = {name: i for i, name in enumerate(inspect.signature(module.forward).parameters)}
    return sorted((str(k) for k in given), key=lambda k: order.get(k, len(order)))


def examples(given: Any) -> tuple[Any, ...]:
    """Example inputs as a tuple of tensors for one inference: of a batch, the first."""
    import torch

    given = given if isinstance(given, (tuple, list)) else (given,)
    tensors = [x if is_tensor(x) else torch.as_tensor(x) for x in given]
    for x in tensors:
        if x.device.type == "meta":
            raise use_error(
                "the example input lies on the meta device, which has shapes and no values",
                help="give a tensor with values, such as torch.rand(x.shape)",
            )
    # networks compute in float32
    tensors = [x.float() if x.dtype in (torch.float64, torch.float16, torch.bfloat16) else x for x in tensors]
    extents = {x.shape[0] for x in tensors if x.dim() > 1}
    if len(extents) == 1 and extents != {1}:
        tensors = [x[:1] if x.dim() > 1 else x for x in tensors]
    return tuple(x.detach().cpu() for x in tensors)


def export(module: Any, example: tuple[Any, ...], names: list[str], exporter: Optional[str] = None, by_name: bool = False) -> bytes:
    """The ONNX file of a module for inputs of these shapes, given in order or by name, by PyTorch's exporter "torchscript", which every version has, or "dynamo". Where nothing
    is said, the second is asked what the first cannot do, where it is installed."""
    import torch

    _check_weights(module)
    with _evaluating(module):
        if by_name:
            module = _in_order(module, names)
        results = _check_control_flow(module, example)
        outputs = _output_names(module, results, names)
        if isinstance(results, Mapping):
            module = _unpacked(module)
        has_dynamo = "dynamo" in inspect.signature(torch.onnx.export).parameters
        if exporter == "dynamo" and not has_dynamo:
            raise use_error(
                f"PyTorch {torch.__version__} has no exporter by dynamo for modules",
                help='leave out exporter="dynamo", or install a newer PyTorch with onnxscript',
            )
        dynamo: dict[str, Any] = {"input_names": names, "output_names": outputs, "dynamo": True, "opset_version": OPSET_DYNAMO}
        if exporter == "dynamo":
            return _exported(module, example, dynamo)
        options: dict[str, Any] = {"input_names": names, "output_names": outputs, "opset_version": OPSET, "training": torch.onnx.TrainingMode.EVAL}
        if has_dynamo:
            options["dynamo"] = False
        try:
            return _exported(module, example, options)
        except UseError as e:
            if exporter is not None or not has_dynamo:
                raise
            if importlib.util.find_spec("onnxscript") is None:
                told = e.problems[0]
                more = "; PyTorch exports in another way, too, where onnxscript is installed: pip install onnxscript"
                raise use_error(told["message"], expected=told["expected"], found=told["found"], help=told["help"] + more) from e
            log.info("%s is exported by dynamo, since it cannot be traced", type(module).__name__)
            return _exported(module, example, dynamo)


def _output_names(module: Any, results: Any, taken: list[str]) -> list[str]:
    """Names of the tensors that a module gives: the keys of a mapping, the fields of a named tuple, or what is not an input's name."""

    def count(x: Any) -> int:
        if isinstance(x, (tuple, list)):
            return sum(count(y) for y in x)
        return int(is_tensor(x))

    if isinstance(results, Mapping):
        found = [str(name) for name, x in results.items() if is_tensor(x)]
    elif hasattr(results, "_fields") and count(results) == len(results) == len(results._fields):
        found = list(results._fields)
    else:
        found = ["output"] if is_tensor(results) else [f"output{i}" for i in range(count(results))]
    if not found:
        raise use_error(
            "the module gives no tensor, and a proof is of what it gives",
            expected="a tensor, or a tuple or mapping of tensors",
            found=f"{type(results).__name__} from {type(module).__name__}.forward",
            help="return what shall be proven",
        )
    while set(found) & set(taken):
        found = [name + "_" for name in found]
    return found


def _exported(module: Any, example: tuple[Any, ...], options: dict[str, Any]) -> bytes:
    import torch

    buffer = io.BytesIO()
    # control flow was looked at already; the tracer warns of shapes as well
    with _plain_attention(), _without_onnx(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(module, example, None if options.get("dynamo") else buffer, **options)
        except UseError:
            raise
        except Exception as e:
            # its frames hold a graph that is gone already, and PyTorch takes it for a later one at the same place in memory
            traceback.clear_frames(e.__traceback__)
            raise _not_exported(module, e) from e
    if options.get("dynamo"):
        program.save(buffer)
    return buffer.getvalue()


@contextlib.contextmanager
def _plain_attention() -> Iterator[None]:
    """PyTorch's attention layers as operators that ONNX has: not as the single one that evaluation takes where no gradients are asked for."""
    import torch

    mha = getattr(torch.backends, "mha", None)
    if mha is None:
        # before 2.1 nothing switches it off but gradients
        with torch.enable_grad():
            yield
        return
    before = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            yield
    finally:
        mha.set_fastpath_enabled(before)


#: Where PyTorch puts functions of onnxscript into a file that is written, from 2.9 on, and from 2.1.
_FUNCTIONS = ("torch.onnx._internal.torchscript_exporter.onnx_proto_utils", "torch.onnx._internal.onnx_proto_utils")


@contextlib.contextmanager
def _without_onnx() -> Iterator[None]:
    """Lets PyTorch's exporter by TorchScript do without the package onnx, where that is not installed: it looks for functions of onnxscript with it, of
    which there are none then."""
    place: Any = None
    if importlib.util.find_spec("onnx") is None:
        for name in _FUNCTIONS:
            with contextlib.suppress(ImportError):
                place = importlib.import_module(name)
                break
    if place is None or not hasattr(place, "_add_onnxscript_fn"):
        yield
        return
    before = place._add_onnxscript_fn
    place._add_onnxscript_fn = lambda file, opsets: file
    try:
        yield
    finally:
        place._add_onnxscript_fn = before


def _not_exported(module: Any, e: Exception) -> UseError:
    first = str(e).strip().split("\n")[0]
    return use_error(
        f"PyTorch cannot export this module to ONNX: {first}",
        expected="a module made of operators that torch.onnx knows",
        found=f"{type(e).__name__} in {type(module).__name__}",
        help="replace the layer that is named by one of docs/operators.md, or export yourself and give the path of the ONNX file",
    )


@contextlib.contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    modes = [(m, m.training) for m in module.modules()]
    if any(training for _, training in modes):
        log.warning(
            "%s is in training mode and is compiled as in evaluation: no dropout, batch normalization by running statistics; "
            "model.eval() says so",
            type(module).__name__,
        )
    module.eval()
    try:
        yield
    finally:
        for m, training in modes:
            m.training = training


def _check_weights(module: Any) -> None:
    import torch

    tensors = list(module.named_parameters()) + list(module.named_buffers())
    lazy = [name for name, t in tensors if type(t).__name__ in ("UninitializedParameter", "UninitializedBuffer")]
    if lazy:
        raise use_error(
            "the module has lazy layers, whose weights do not exist yet",
            found=_some(lazy),
            help="run it once, on an example: module(example)",
        )
    meta = [name for name, t in tensors if t.device.type == "meta"]
    if meta:
        raise use_error(
            "the module lies on the meta device, which has shapes and no weights",
            found=_some(meta),
            help="load the weights: module.to_empty(device='cpu'), then module.load_state_dict(...)",
        )
    elsewhere = [f"{name} on {t.device}" for name, t in tensors if t.device.type != "cpu"]
    if elsewhere:
        raise use_error(
            "the module lies on another device",
            expected="a module in the memory of the CPU, where it is compiled",
            found=_some(elsewhere),
            help="move it: module.cpu()",
        )
    wide = [f"{name} of {str(t.dtype)[6:]}" for name, t in tensors if t.is_floating_point() and t.dtype != torch.float32]
    if wide:
        raise use_error(
            "the module does not compute in float32",
            expected="weights of float32",
            found=_some(wide),
            help="convert it: module.float()",
        )
    broken = [name for name, t in tensors if t.is_floating_point() and not bool(torch.isfinite(t).all())]
    if broken:
        raise use_error(
            "the module has weights that are not finite numbers",
            expected="finite weights",
            found=f"NaN or infinity in {_some(broken)}",
            help="training diverged or a file was read wrongly; load weights from before that",
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


_asked: list[str] = []


@functools.cache
def _noticing() -> Any:
    """A class of tensors that notice when they are asked for a number. One for the whole session: PyTorch keeps hold of classes of tensors."""
    import torch

    def noticing(name: str) -> Any:
        def method(self: Any, *args: Any) -> Any:
            frame = sys._getframe(1)
            while frame.f_back is not None and "/torch/" in frame.f_code.co_filename:
                frame = frame.f_back
            _asked.append(f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_name}")
            return getattr(torch.Tensor, name)(self.as_subclass(torch.Tensor), *args)

        return method

    names = ("__bool__", "__int__", "__float__", "__index__", "item", "tolist")
    return type("Noticing", (torch.Tensor,), {name: noticing(name) for name in names})


def _check_control_flow(module: Any, example: tuple[Any, ...]) -> Any:
    """Errs where the way through the module depends on values: a circuit has one way. The module is run once on tensors that notice
    when they are asked for a number, which shapes and weights are not; what it gives is the result."""
    import torch

    _asked.clear()
    with torch.no_grad():
        try:
            given = module(*(x.as_subclass(_noticing()) for x in example))
        except UseError:
            raise
        except Exception as e:
            shapes = ", ".join(str(list(x.shape)) for x in example)
            raise use_error(
                f"the module does not run on the example input: {str(e).strip()}",
                found=f"{type(e).__name__} on inputs of shape {shapes}",
                help="give an example that module(*example) takes, with the batch axis first",
            ) from e
    if _asked:
        raise use_error(
            "the way through the module depends on the values of its input, and a proof is of one way",
            found="\n".join(dict.fromkeys(_asked)),
            help="write both ways and choose between their results with torch.where",
        )
    return given


def export_estimator(estimator: Any, example: Any) -> bytes:
    """The ONNX file of a scikit-learn estimator, by skl2onnx: with one input for an array, and one for each column of a table."""
    try:
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    except ImportError:
        raise use_error(
            "scikit-learn estimators are exported by skl2onnx, which is not installed", help="install it: pip install skl2onnx"
        ) from None

    def kind(array: Any, features: int) -> Any:
        return (StringTensorType if array.dtype.kind == "U" else FloatTensorType)([None, features])

    if is_table(example):
        columns = [(str(name), to_numpy(example[name].to_numpy(), f"the column {name!r}")) for name in example.columns]
        types = [(name, kind(array, 1)) for name, array in columns]
    else:
        array = to_numpy(example, "the example")
        if array.ndim != 2:
            raise use_error(
                "an estimator is exported for rows of features",
                expected="an array of two axes, such as X[:1]",
                found=f"shape {list(array.shape)}",
            )
        types = [("X", kind(array, array.shape[1]))]
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None
    try:
        onnx: bytes = to_onnx(estimator, initial_types=types, options=options).SerializeToString()
        return onnx
    except Exception as e:
        raise use_error(
            f"skl2onnx cannot export this estimator: {str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__}",
            found=f"{type(e).__name__} in {type(estimator).__name__}",
            help="fit it first, and take estimators that skl2onnx knows (skl2onnx.supported_converters())",
        ) from e
