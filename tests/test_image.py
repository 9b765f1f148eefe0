"""Pictures against OpenCV's imread, resize and blobFromImage."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jaxdnn import FileError, InputError
from jaxdnn.image import Fit, preprocess, read_image, resize, resize_corners, to_gray, write_image

sizes = st.tuples(st.integers(1, 70), st.integers(1, 70))
seeds = st.integers(0, 2**16)
channel_counts = st.sampled_from([(), (1,), (3,), (4,)])


def picture(size, channels=(3,), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size[::-1], *channels), dtype=np.uint8)


@given(sizes, sizes, channel_counts, seeds)
def test_resize_is_opencvs(old, new, channels, seed):
    image = picture(old, channels, seed)
    want = cv2.resize(image, new).reshape(*new[::-1], *channels)
    # Equal here; where OpenCV was built with another machine's arithmetic, one level apart.
    assert np.abs(resize(image, new).astype(int) - want).max() <= 1
    want = cv2.resize(image.astype(np.float32), new).reshape(*new[::-1], *channels)
    np.testing.assert_allclose(resize(image.astype(np.float32), new), want, rtol=0, atol=0.02)


@given(sizes, sizes, seeds, st.booleans(), st.sampled_from(["stretch", "crop"]))
def test_preprocess_is_blob_from_image(old, new, seed, swap_rb, mode):
    image = picture(old, seed=seed)
    mean, scale = (104.5, 117.0, 123.25), 0.017
    want = cv2.dnn.blobFromImage(image, scale, new, mean, swapRB=swap_rb, crop=mode == "crop")
    got = preprocess(image, new, mean=mean, scale=scale, swap_rb=swap_rb, mode=mode)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=0, atol=scale * 1.001)


@given(st.tuples(st.integers(8, 70), st.integers(8, 70)), st.tuples(st.integers(8, 70), st.integers(8, 70)))
def test_letterbox_is_opencvs(old, new):
    image = picture(old)
    params = cv2.dnn.Image2BlobParams()
    params.size, params.paddingmode, params.borderValue = new, cv2.dnn.DNN_PMODE_LETTERBOX, (127,) * 4
    want = cv2.dnn.blobFromImageWithParams(image, params)
    got = preprocess(image, new, mode="letterbox", border=127)
    np.testing.assert_allclose(got, want, rtol=0, atol=1.001)


def test_the_size_is_the_pictures_own_by_default():
    image = picture((7, 5))
    np.testing.assert_array_equal(preprocess(image), image.transpose(2, 0, 1)[None])


def test_gray_is_opencvs():
    image = picture((40, 30))
    want = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    np.testing.assert_array_equal(to_gray(image), want)
    np.testing.assert_allclose(to_gray(image.astype(np.float32)), want, atol=0.51)
    np.testing.assert_array_equal(preprocess(image, gray=True)[0, 0], want)
    assert to_gray(want) is want


def test_means_and_scales_per_channel_are_in_the_results_order():
    image = np.full((2, 2, 3), (10, 20, 30), np.uint8)
    got = preprocess(image, mean=(1, 2, 3), scale=(1, 10, 100), swap_rb=True)
    np.testing.assert_array_equal(got[0, :, 0, 0], [29, 180, 700])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": np.zeros(5)}, r"a picture is \(height, width\)"),
        ({"image": np.zeros((0, 5, 3))}, "a picture is"),
        ({"image": np.zeros((5, 5, 2))}, "a picture is"),
        ({"image": np.zeros((5, 5), str)}, "made of numbers, got <U1"),
        ({"mean": (1, 2)}, "mean has 2 values for 3 channels"),
        ({"scale": (1, 2, 3, 4)}, "scale has 4 values for 3 channels"),
        ({"size": (0, 4)}, "cannot be fitted into size"),
        ({"mode": "squeeze"}, "mode must be one of stretch, crop, letterbox, got 'squeeze'"),
        ({"resizing": "caffe"}, "resizing must be one of opencv, darknet, got 'caffe'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        preprocess(**{"image": picture((4, 4)), **arguments})


@given(sizes, sizes, st.sampled_from(["stretch", "crop", "letterbox"]))
def test_boxes_find_their_way_back(old, new, mode):
    fit = Fit.of(old, new, mode)
    corners = np.array([0, 0, *fit.resized]) + np.tile(fit.offset, 2)
    # The resized picture has whole pixels, so that its far corner is up to one of its pixels off.
    np.testing.assert_allclose(fit.to_picture(corners)[:2], 0, atol=1e-9)
    np.testing.assert_allclose(fit.to_picture(corners)[2:], old, atol=max(fit.step))
    assert fit.to_picture(np.zeros((2, 3, 4))).shape == (2, 3, 4)


def test_crop_and_letterbox_by_hand():
    crop = Fit.of((200, 100), (50, 50), "crop")
    assert (crop.resized, crop.offset) == ((100, 50), (-25, 0))
    np.testing.assert_allclose(crop.to_picture([0, 0, 50, 50]), [50, 0, 150, 100])
    box = Fit.of((200, 100), (50, 50), "letterbox")
    assert (box.resized, box.offset) == ((50, 25), (0, 12))
    np.testing.assert_allclose(box.to_picture([0, 12, 50, 37]), [0, 0, 200, 100])


def darknet_resized(image, width, height):
    """Darknet's two loops: first along rows, then along columns."""

    def stretched(line, size):
        step = (len(line) - 1) / max(size - 1, 1)
        at = np.minimum(np.arange(size) * step, len(line) - 1)
        low = np.minimum(at.astype(int), max(len(line) - 2, 0))
        part = (at - low).reshape(-1, 1, 1)
        return line[low] * (1 - part) + line[np.minimum(low + 1, len(line) - 1)] * part

    across = stretched(image.astype(np.float64).transpose(1, 0, 2), width)
    return stretched(across.transpose(1, 0, 2), height)


@given(sizes, sizes, seeds)
def test_darknets_resize(old, new, seed):
    image = picture(old, seed=seed)
    got = preprocess(image, new, resizing="darknet", scale=1 / 255)
    want = darknet_resized(image, *new).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(got[0], want, rtol=0, atol=2e-5)


@given(sizes, sizes, seeds)
def test_darknets_letterbox(old, new, seed):
    image = picture(old, seed=seed)
    width, height = new
    if width * old[1] < height * old[0]:
        height = max(1, old[1] * width // old[0])
    else:
        width = max(1, old[0] * height // old[1])
    want = np.full((*new[::-1], 3), 127.5)
    top, left = (new[1] - height) // 2, (new[0] - width) // 2
    want[top : top + height, left : left + width] = darknet_resized(image, width, height)
    got = preprocess(image, new, mode="letterbox", resizing="darknet")
    np.testing.assert_allclose(got[0], want.transpose(2, 0, 1), rtol=0, atol=4e-3)
    fit = Fit.of(old, new, "letterbox", "darknet")
    np.testing.assert_allclose(
        fit.to_picture([left, top, left + width, top + height]), [0, 0, *old], atol=1e-9
    )


def test_corners_keep_their_pixels():
    ramp = np.arange(0, 50, 10, np.uint8).reshape(1, 5)
    np.testing.assert_allclose(resize_corners(ramp, (9, 1)), [np.arange(0, 45, 5)])
    np.testing.assert_allclose(resize_corners(ramp, (1, 2)), [[0], [0]])


def save(path, image, **options):
    image.save(path, **options)
    return str(path)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_png_is_read_like_opencv_does(tmp_path, mode):
    if mode == "I;16":
        image = Image.fromarray(np.random.default_rng(0).integers(0, 2**16, (6, 5), dtype=np.uint16))
    else:
        image = Image.fromarray(picture((5, 6), (4,)), "RGBA").convert(mode)
    path = save(tmp_path / "picture.png", image)
    np.testing.assert_array_equal(read_image(path), cv2.imread(path))


def test_jpeg_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth = np.linspace(0, 255, 16 * 24 * 3).reshape(16, 24, 3).astype(np.uint8)
    path = save(tmp_path / "picture.jpg", Image.fromarray(smooth), exif=exif)
    got = read_image(path)
    assert got.shape == (24, 16, 3)
    assert np.abs(got.astype(int) - cv2.imread(path)).max() <= 2


def test_cmyk_jpeg(tmp_path):
    path = save(tmp_path / "picture.jpg", Image.new("CMYK", (4, 3), (0, 0, 0, 0)))
    assert read_image(path).shape == (3, 4, 3)
    assert read_image(path).min() > 250


def test_floating_point_samples_are_refused(tmp_path):
    path = save(tmp_path / "picture.tiff", Image.fromarray(np.zeros((3, 4), np.float32)))
    with pytest.raises(FileError, match="floating-point"):
        read_image(path)


def test_files_that_are_no_pictures(tmp_path):
    with pytest.raises(FileError, match="No such file"):
        read_image(tmp_path / "missing.png")
    with pytest.raises(FileError, match="cannot be read: Is a directory"):
        read_image(tmp_path)
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(FileError, match=r"text.png: this is no picture"):
        read_image(tmp_path / "text.png")
    path = save(tmp_path / "whole.png", Image.fromarray(picture((50, 50))))
    data = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(FileError, match="cannot be read"):
        read_image(tmp_path / "half.png")
    assert read_image(path).shape == (50, 50, 3)


@pytest.mark.parametrize("limit", [10, 20])
def test_decompression_bombs_are_refused(tmp_path, monkeypatch, limit):
    path = save(tmp_path / "picture.png", Image.new("L", (5, 6)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(FileError, match=f"more than {limit} pixels"):
        read_image(path)


def test_writing(tmp_path):
    image = picture((5, 6))
    write_image(tmp_path / "out.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "out.png"), image)
    write_image(tmp_path / "gray.png", image[..., 0])
    with pytest.raises(FileError, match="cannot be written"):
        write_image(tmp_path / "out.nonsense", image)
    with pytest.raises(FileError, match="cannot be written: No such file"):
        write_image(tmp_path / "no" / "out.png", image)
