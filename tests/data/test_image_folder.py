import numpy as np
import pytest
from PIL import Image

from archwright.data.image_folder import read_image_folder, read_images
from archwright.data.load import load_problem
from archwright.errors import DataError


def save(file, pixels):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)
    return file


def grey(value=7, shape=(4, 5), kind=np.uint8):
    return np.full(shape, value, kind)


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1), ("RGBA", 3), ("P", 3), ("1", 1)])
def test_colour_and_grey(samples, tmp_path, mode, channels):
    raw = read_image_folder(samples.image_folder(tmp_path / "insects", mode=mode))
    assert raw.x.shape == (30, channels, 9, 11)
    assert raw.x.dtype == np.uint8
    assert raw.y.tolist() == ["ant"] * 10 + ["bee"] * 10 + ["cat"] * 10


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_pixels_are_kept(samples, tmp_path, suffix):
    x, _ = samples.images(30, (9, 11, 3), 3)
    raw = read_image_folder(samples.image_folder(tmp_path, suffix=suffix))
    assert np.array_equal(raw.x[1], x[3].transpose(2, 0, 1))


def test_jpg_is_read(samples, tmp_path):
    assert load_problem(samples.image_folder(tmp_path, suffix=".JPG")).problem.augmentation == ("crop", "flip")


def test_sixteen_bits_are_kept(tmp_path):
    files = [save(tmp_path / f"{i}.tif", grey(60000 + i, kind=np.uint16)) for i in range(2)]
    x, _ = read_images(files)
    assert x[:, 0, 0, 0].tolist() == [60000, 60001]


def test_grey_images_among_coloured_ones_become_rgb_with_a_note(tmp_path):
    files = [save(tmp_path / "a.png", grey()), save(tmp_path / "b.png", grey(9, (4, 5, 3)))]
    x, notes = read_images(files)
    assert x[0].tolist() == np.full((3, 4, 5), 7).tolist()
    assert "converted to RGB" in notes[0]
    assert read_images(files[:1], colour=True)[0].shape == (1, 3, 4, 5)


def test_folders_called_train_and_test_become_the_splits(samples, tmp_path):
    samples.image_folder(tmp_path / "train")
    samples.image_folder(tmp_path / "test", rows=9)
    raw = read_image_folder(tmp_path)
    assert raw.sizes == (30, 0, 9)
    assert load_problem(tmp_path).problem.n_test == 9


def test_ignored_files_are_noted(samples, tmp_path):
    samples.image_folder(tmp_path)
    (tmp_path / "labels.csv").write_text("a")
    (tmp_path / "ant" / "readme.txt").write_text("a")
    (tmp_path / "ant" / ".hidden").write_text("a")
    assert "2 entries" in read_image_folder(tmp_path).notes[0]


def test_folders_that_cannot_be_used_are_refused(samples, tmp_path):
    with pytest.raises(DataError, match="has no sub-folders"):
        read_image_folder(tmp_path)
    samples.image_folder(tmp_path)
    odd = save(tmp_path / "bee" / "odd.png", grey(shape=(4, 6, 3)))
    with pytest.raises(DataError, match=r"000\.png is 11x9 and .*odd\.png is 6x4: .*resize"):
        read_image_folder(tmp_path)
    odd.write_bytes(b"")
    with pytest.raises(DataError, match=r"odd\.png is empty"):
        read_image_folder(tmp_path)
    odd.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"odd\.png cannot be read as an image"):
        read_image_folder(tmp_path)
    whole = (tmp_path / "bee" / "001.png").read_bytes()
    odd.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"odd\.png cannot be read as an image"):
        read_image_folder(tmp_path)
    odd.unlink()
    (tmp_path / "wasp").mkdir()
    with pytest.raises(DataError, match="wasp has no images"):
        read_image_folder(tmp_path)


def test_depths_and_frames_are_not_mixed(tmp_path):
    deep = save(tmp_path / "a.tif", grey(kind=np.uint16))
    with pytest.raises(DataError, match="more than 8 bits"):
        read_images([save(tmp_path / "b.png", grey()), deep])
    frames = [Image.fromarray(grey(i)) for i in range(3)]
    frames[0].save(tmp_path / "film.tif", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match="has 3 frames"):
        read_images([tmp_path / "film.tif"])


def test_an_image_of_absurd_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    with pytest.raises(DataError, match="is too large"):
        read_images([save(tmp_path / "a.png", grey())])


def test_transparent_palettes_become_opaque(tmp_path):
    image = Image.new("P", (5, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.png", transparency=b"\xff\x80")
    assert read_images([tmp_path / "a.png"])[0][0, :, 0, 0].tolist() == [10, 20, 30]
