"""The image sets of the papers: their files, shapes, classes and splits."""

from dataclasses import dataclass

_DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class ImageSet:
    """Where one image set is found and how OpenML stores it."""

    file_name: str
    openml_name: str
    openml_version: int
    openml_range: tuple[float, float]
    openml_first_label: int
    image_shape: tuple[int, int]
    n_train: int
    target_names: tuple[str, ...]
    description: str

    @property
    def n_features(self):
        return self.image_shape[0] * self.image_shape[1]


MNIST = ImageSet(
    file_name="mnist.npz",
    openml_name="mnist_784",
    openml_version=1,
    openml_range=(0.0, 255.0),
    openml_first_label=0,
    image_shape=(28, 28),
    n_train=60000,
    target_names=_DIGITS,
    description="MNIST: 70,000 handwritten digits, 28 x 28 grey pixels in [0, 1], "
    "60,000 for training and then 10,000 for testing (LeCun, Cortes and Burges).",
)
FASHION_MNIST = ImageSet(
    file_name="fashion_mnist.npz",
    openml_name="Fashion-MNIST",
    openml_version=1,
    openml_range=(0.0, 255.0),
    openml_first_label=0,
    image_shape=(28, 28),
    n_train=60000,
    target_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    description="Fashion-MNIST: 70,000 garments, 28 x 28 grey pixels in [0, 1], "
    "60,000 for training and then 10,000 for testing (Zalando Research, MIT licence).",
)
USPS = ImageSet(
    file_name="usps.npz",
    openml_name="USPS",
    openml_version=2,
    openml_range=(-1.0, 1.0),
    openml_first_label=1,
    image_shape=(16, 16),
    n_train=7291,
    target_names=_DIGITS,
    description="USPS: 9,298 handwritten digits from envelopes, 16 x 16 grey pixels "
    "in [0, 1], 7,291 for training and then 2,007 for testing (Hull, 1994).",
)
