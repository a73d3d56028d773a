from xml.etree import ElementTree

from archwright.report.picture import PILL, Picture, draw_legend, stacked, width_of


def test_a_picture_is_as_large_as_its_content():
    picture = Picture()
    picture.pill(10, 50, 80, "conv", "red")
    assert (picture.width, picture.height) == (91, 50 + PILL / 2 + 1)
    picture.text(100, 20, "four", anchor="start")
    assert picture.width == 100 + width_of("four", padding=0)


def test_words_are_escaped_and_pictures_are_below_each_other():
    one, other = Picture(), Picture()
    one.text(0, 14, "<a> & b")
    other.box(0, 0, 200, 30)
    root = ElementTree.fromstring(stacked([one, other], 'label "x"'))
    assert root.get("aria-label") == 'label "x"'
    assert [node.text for node in root.iter() if node.tag.endswith("text")] == ["<a> & b"]
    first, second = (float(group.get("transform").split()[1][:-1]) for group in root)
    assert second - first > one.height


def test_a_legend_has_each_family_once():
    picture = Picture()
    draw_legend(picture, ["sep_conv_3x3", "sep_conv_5x5", "max_pool_3x3"], 20)
    assert sum("separable convolution" in shape for shape in picture.shapes) == 1
    assert sum("pooling" in shape for shape in picture.shapes) == 1
