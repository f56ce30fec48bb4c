import errno
import functools
import io
import os
import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

import skmixmate
from skmixmate import (
    EmbeddingClustering,
    GroupSparseAutoencoder,
    ImageClustering,
    LocalGaussianImputer,
    MixMateClustering,
    NeighborVoting,
    ScatteringTransform,
    SignalClustering,
    SparseAutoencoder,
    SparseSubspaceClustering,
)
from skmixmate.penalties import L1, GroupL2, Penalty
from skmixmate.persistence import archive

X = load_digits().data[:240]
WITH_NAN = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)


def fast(n_clusters=3, **parameters):
    parameters = {"random_state": 0, "init": "random", "max_iter": 2} | parameters
    return MixMateClustering(n_clusters, **parameters)


ESTIMATORS = {
    "mixture": (fast(), X),
    "with groups": (fast(penalty=GroupL2(2), n_atoms=4), X),
    "with an imputer": (fast(), WITH_NAN),
    "masked": (fast(missing="mask"), WITH_NAN),
    "start of scikit-learn": (fast(init=KMeans(3, n_init=1)), X),
    "random state": (fast(random_state=np.random.RandomState(3)), X),
    "device": (fast(device=torch.device("cpu")), X),
    "vote": (NeighborVoting(fast(), random_state=0), X),
    "imputer": (LocalGaussianImputer(2, random_state=0), WITH_NAN),
    "groups": (GroupSparseAutoencoder(4, group_size=2, max_iter=2, random_state=0), X),
    "autoencoder": (SparseAutoencoder(8, max_iter=2, random_state=0), X),
    "subspaces": (SparseSubspaceClustering(3, random_state=0), X),
    "scattering": (ScatteringTransform(image_shape=(8, 8)), X),
    "images with NaN": (
        ImageClustering(3, image_shape=(8, 8), n_init=1, random_state=0),
        WITH_NAN,
    ),
    "signals": (SignalClustering(3, n_init=1, random_state=0), X),
    "embeddings": (EmbeddingClustering("auto", n_init=1, random_state=0), X),
    "pipeline": (make_pipeline(StandardScaler(), fast()), X),
}
# Whatever a fit says on data that are so few.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@functools.cache
def fitted(name):
    estimator, data = ESTIMATORS[name]
    return clone(estimator).fit(data)


def answers(estimator, X):
    """All that an estimator says of samples."""
    methods = ("predict", "predict_proba", "transform", "score_samples", "impute")
    found = {
        name: getattr(estimator, name)(X)
        for name in (*methods, "outlier_scores")
        if hasattr(estimator, name)
    }
    return found | {"labels_": getattr(estimator, "labels_", np.zeros(1))}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_loaded_says_the_same(name, tmp_path):
    estimator, data = fitted(name), ESTIMATORS[name][1]
    skmixmate.save(estimator, tmp_path / "file")
    loaded = skmixmate.load(tmp_path / "file")
    assert type(loaded) is type(estimator)
    before, after = answers(estimator, data), answers(loaded, data)
    assert before.keys() == after.keys()
    for key, value in before.items():
        assert_array_equal(after[key], value, err_msg=key)


def test_parameters_and_attributes_come_back(tmp_path):
    estimator = fitted("images with NaN")
    skmixmate.save(estimator, tmp_path / "file")
    loaded = skmixmate.load(tmp_path / "file")
    assert vars(loaded).keys() == vars(estimator).keys()
    # One mixture, not two.
    assert loaded.mixmate_ is loaded.voting_.mixmate_
    assert loaded.get_params().keys() == estimator.get_params().keys()
    assert loaded.image_shape == (8, 8)


def test_training_goes_on_as_it_would_have(tmp_path):
    estimator = fast().partial_fit(X)
    skmixmate.save(estimator, tmp_path / "file")
    loaded = skmixmate.load(tmp_path / "file")
    assert_array_equal(
        loaded.partial_fit(X).dictionaries_, estimator.partial_fit(X).dictionaries_
    )


def test_what_is_not_fitted_comes_back_too(tmp_path):
    skmixmate.save(fast(penalty=L1(nonnegative=True)), tmp_path / "file")
    loaded = skmixmate.load(tmp_path / "file")
    assert loaded.penalty == L1(nonnegative=True)
    assert not loaded.__sklearn_is_fitted__()


def test_names_of_features_come_back(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    skmixmate.save(fast().fit(frame), tmp_path / "file")
    loaded = skmixmate.load(tmp_path / "file")
    assert list(loaded.feature_names_in_) == list(frame.columns)
    loaded.predict(frame)


class OwnPenalty(Penalty):
    def prox(self, codes, threshold):
        return codes / (1.0 + threshold)

    def value(self, codes):
        return 0.5 * codes.square().sum(-1)


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (fast(penalty=OwnPenalty()), "MixMateClustering.penalty"),
        (fast(init=lambda X, n_clusters, random_state: X), "MixMateClustering.init"),
        (make_pipeline(StandardScaler(), fast(penalty=OwnPenalty())), r"steps\[1\]"),
        (fast(random_state=np.random.RandomState(np.random.PCG64(1))), "random_state"),
    ],
)
def test_what_only_a_pickle_could_hold_is_refused(estimator, named, tmp_path):
    with pytest.raises(TypeError, match=named):
        skmixmate.save(estimator, tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_only_estimators_are_saved(tmp_path):
    with pytest.raises(TypeError, match="estimator must be an estimator, got dict"):
        skmixmate.save({}, tmp_path / "file")


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "mixture"
    skmixmate.save(fitted("mixture"), path)
    return path


def changed(path, change):
    """The same file with another tree."""
    tree, arrays = archive.read_archive(path)
    change(tree)
    archive.write_archive(path, tree, arrays)


@pytest.mark.parametrize(
    "named",
    [
        "os:system",
        "subprocess:Popen",
        "builtins:eval",
        "skmixmate.persistence.archive:os",
        "sklearn.utils.fixes:np",
        "sklearn.datasets:load_digits",
        "sklearn.nothing:Such",
        "sklearn.tests.test_base:MyEstimator",
        "skmixmate.persistence.encoding:Decoder",
        "skmixmate.utils.progress:Report",
    ],
)
def test_files_build_nothing_but_estimators(saved, named):
    changed(saved, lambda tree: tree["objects"][0].update({"class": named}))
    with pytest.raises(ValueError, match=r"mixture' was saved by .* cannot be loaded"):
        skmixmate.load(saved)


@pytest.mark.parametrize(
    "named",
    [
        *("os:system", "builtins:eval", "json:loads"),
        "sklearn.datasets._base:fetch_file",
        "skmixmate.persistence.archive:write_archive",
    ],
)
def test_files_call_no_functions_of_others(saved, named):
    def change(tree):
        state = dict(tree["objects"][0]["state"]) | {"init": {"function": named}}
        tree["objects"][0]["state"] = list(state.items())

    changed(saved, change)
    with pytest.raises(ValueError, match="is unknown to this version"):
        skmixmate.load(saved)


def rewritten(path, name, content, **options):
    """The same file with another member."""
    with zipfile.ZipFile(path) as file:
        members = {each: file.read(each) for each in file.namelist()}
    members[name] = content
    with zipfile.ZipFile(path, "w", **options) as file:
        for each, data in members.items():
            file.writestr(each, data)


def test_objects_in_arrays_are_refused(saved):
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    rewritten(saved, "arrays/0.npy", buffer.getvalue())
    with pytest.raises(ValueError, match=r"arrays/0\.npy has another size"):
        skmixmate.load(saved)


def test_arrays_are_as_large_as_they_say(saved):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(6000))
    content = buffer.getvalue()
    for shape in (b"(2000,)", b"(9000,)"):
        rewritten(saved, "arrays/0.npy", content.replace(b"(6000,)", shape))
        with pytest.raises(ValueError, match=r"arrays/0\.npy has another size"):
            skmixmate.load(saved)


def test_small_files_fill_no_memory(saved):
    rewritten(saved, "arrays/0.npy", b"", compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="is compressed"):
        skmixmate.load(saved)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("predict", {"function": "skmixmate.utils.estimator:package_version"}),
        ("_doc_link_module", "skmixmate"),
        ("__doc_link_template", "<script>"),
        ("_repr_html_", "<script>"),
        ("__class__", "int"),
    ],
)
def test_files_replace_no_methods(saved, name, value):
    changed(saved, lambda tree: tree["objects"][0]["state"].append([name, value]))
    with pytest.raises(ValueError, match=f"has no attribute '{name}' to set"):
        skmixmate.load(saved)


def test_files_hold_estimators_alone(saved):
    changed(saved, lambda tree: tree.update(estimator=5))
    with pytest.raises(ValueError, match="It holds 5"):
        skmixmate.load(saved)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.update(estimator={}),
        lambda tree: tree.pop("format"),
        lambda tree: tree.pop("objects"),
        lambda tree: tree["objects"][0].pop("class"),
        lambda tree: tree["objects"][0]["state"].append(["alpha", {"device": "no"}]),
        lambda tree: tree["objects"][0]["state"].append(["alpha", {"array": 10**6}]),
    ],
)
def test_damaged_trees_are_told(saved, change):
    changed(saved, change)
    with pytest.raises(ValueError, match="mixture' was saved by"):
        skmixmate.load(saved)


def test_a_later_format_is_told(saved):
    def change(tree):
        tree["format"] = 99
        tree["versions"]["skmixmate"] = "7.8.9"

    changed(saved, change)
    with pytest.raises(ValueError, match=r"skmixmate 7\.8\.9 in format 99"):
        skmixmate.load(saved)


def test_a_version_with_other_parameters_is_told(saved, monkeypatch):
    monkeypatch.setattr(skmixmate, "__version__", "7.8.9")

    def change(tree):
        state = [pair for pair in tree["objects"][0]["state"] if pair[0] != "alpha"]
        tree["objects"][0]["state"] = state

    changed(saved, change)
    with pytest.raises(
        ValueError, match=r"mixture' was .*did not have the parameters \['alpha'\]"
    ):
        skmixmate.load(saved)


@pytest.mark.filterwarnings("error")
def test_another_version_is_told_of(saved, monkeypatch):
    stored = pickle.dumps(fast().fit(X))
    monkeypatch.setattr(skmixmate, "__version__", "7.8.9")
    for load in (lambda: skmixmate.load(saved), lambda: pickle.loads(stored)):
        with pytest.warns(UserWarning, match=r"of skmixmate .*, and this is 7\.8\.9"):
            loaded = load()
        assert not [name for name in vars(loaded) if "version" in name]


def test_a_pickle_of_a_version_with_other_parameters_is_told(monkeypatch):
    estimator = fast()
    del estimator.alpha
    stored = pickle.dumps(estimator)
    pickle.loads(stored)
    monkeypatch.setattr(skmixmate, "__version__", "7.8.9")
    with pytest.raises(ValueError, match=r"did not have the parameters \['alpha'\]"):
        pickle.loads(stored)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_named(saved, share):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match="mixture' is no file that this package saved"):
        skmixmate.load(saved)


def test_a_flipped_byte_is_found(saved):
    data = bytearray(saved.read_bytes())
    data[len(data) // 2] ^= 255
    saved.write_bytes(bytes(data))
    with pytest.raises(ValueError, match="truncated or damaged"):
        skmixmate.load(saved)


def test_another_kind_of_file_is_told(tmp_path):
    archive.write_archive(tmp_path / "file", {"kind": "something else"}, [])
    with pytest.raises(ValueError, match="holds no estimator"):
        skmixmate.load(tmp_path / "file")
    with pytest.raises(FileNotFoundError):
        skmixmate.load(tmp_path / "none")


def test_a_full_disk_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()

    def fail(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(archive.os, "fsync", fail)
    with pytest.raises(OSError, match=r"mixture.*could not be written.*No space left"):
        skmixmate.save(fast(), saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["mixture"]


def test_an_interrupt_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(archive.npy, "write_array", interrupt)
    with pytest.raises(KeyboardInterrupt):
        skmixmate.save(fast().fit(X), saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["mixture"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere' to"):
        skmixmate.save(fast(), tmp_path / "nowhere" / "file")


def test_what_is_replaced_keeps_its_mode_and_links_to_it(saved):
    saved.chmod(0o600)
    link = saved.with_name("link")
    link.symlink_to(saved)
    before = saved.stat().st_ino
    skmixmate.save(fast(), link)
    assert link.is_symlink()
    assert saved.stat().st_ino != before
    assert saved.stat().st_mode & 0o777 == 0o600


def test_several_threads_save_to_one_place(saved):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: skmixmate.save(fast(), saved), range(40)))
    assert not skmixmate.load(saved).__sklearn_is_fitted__()
    assert [path.name for path in saved.parent.iterdir()] == ["mixture"]


def test_steps_of_scikit_learn_come_back(tmp_path):
    columns = ColumnTransformer(
        [("some", SimpleImputer(), slice(0, 8)), ("kinds", OrdinalEncoder(), [8])]
    )
    pipeline = make_pipeline(columns, StandardScaler(), fast()).fit(X)
    skmixmate.save(pipeline, tmp_path / "file")
    assert_array_equal(
        skmixmate.load(tmp_path / "file").predict(X), pipeline.predict(X)
    )


def test_requests_and_tensors_come_back(tmp_path):
    with config_context(enable_metadata_routing=True):
        estimator = fast(init=torch.zeros(3, 4, 64)).set_fit_request(mask=True)
        skmixmate.save(estimator, tmp_path / "file")
        loaded = skmixmate.load(tmp_path / "file")
        routing = loaded.get_metadata_routing()
    assert routing.fit.requests == {"mask": True}
    assert torch.equal(loaded.init, estimator.init)


class Foreign(BaseEstimator):
    pass


def test_foreign_estimators_are_refused(tmp_path):
    with pytest.raises(TypeError, match="Foreign is Foreign"):
        skmixmate.save(Foreign(), tmp_path / "file")
