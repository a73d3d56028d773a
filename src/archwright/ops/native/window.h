// Windows over padded images. A row of an image is a sequence of W * C numbers, and one weight per channel is a sequence that repeats
// every C numbers: so a tap of a window is a shifted row, and vectors are independent of channels. At stride s the columns of the
// padded image are first distributed to s planes, so that rows remain sequences.
#pragma once

#include <algorithm>

#include "vectors.h"

namespace archwright {

// A batch of images padded by `top` and `left` on either side and read with a stride.
struct Frame {
  int64_t batch, channels, height, width, stride, top, left;
  int64_t out_height, out_width;
  int64_t rows, columns;  // of each of the `stride` planes of a padded image

  Frame(const Tensor& x, int64_t stride_, int64_t top_, int64_t left_)
      : batch(x.size(0)), channels(x.size(1)), height(x.size(2)), width(x.size(3)), stride(stride_), top(top_), left(left_),
        out_height((height - 1) / stride + 1), out_width((width - 1) / stride + 1), rows(height + 2 * top),
        columns((width + 2 * left + stride - 1) / stride) {}

  int64_t image() const { return height * width * channels; }
  int64_t row() const { return out_width * channels; }           // numbers in a row of the output
  int64_t output() const { return out_height * row(); }          // numbers in an image of the output
  int64_t below() const { return stride * columns * channels; }  // distance between the elements of adjacent output rows
  int64_t padded() const { return stride * rows * columns * channels; }
  int64_t place(int64_t i, int64_t j) const { return (((j % stride) * rows + i) * columns + j / stride) * channels; }
};

// A window of kh x kw taps centred on its pixel: the offsets at which the taps read the first elements of a row.
struct Window {
  int64_t kh, kw;
  std::vector<int64_t> offset;

  Window(const Frame& frame, int64_t kh_, int64_t kw_, int64_t dilation) : kh(kh_), kw(kw_) {
    for (int64_t i = 0; i < kh; ++i)
      for (int64_t j = 0; j < kw; ++j)
        offset.push_back(frame.place(frame.top + (2 * i - kh + 1) * dilation / 2, frame.left + (2 * j - kw + 1) * dilation / 2));
  }

  int64_t taps() const { return kh * kw; }
};

template <typename T>
void pad(const Frame& frame, const T* image, T* padded) {
  for (int64_t h = 0; h < frame.height; ++h) {
    const T* row = image + h * frame.width * frame.channels;
    if (frame.stride == 1) {
      std::memcpy(padded + frame.place(h + frame.top, frame.left), row, sizeof(T) * frame.width * frame.channels);
    } else {
      for (int64_t j = 0; j < frame.width; ++j)
        std::memcpy(padded + frame.place(h + frame.top, j + frame.left), row + j * frame.channels, sizeof(T) * frame.channels);
    }
  }
}

// The inverse of `pad`; zero where the mask is not positive.
template <typename T>
void unpad(const Frame& frame, const T* padded, T* image, const T* mask) {
  for (int64_t h = 0; h < frame.height; ++h)
    for (int64_t j = 0; j < frame.width; ++j) {
      const T* from = padded + frame.place(h + frame.top, j + frame.left);
      const int64_t at = (h * frame.width + j) * frame.channels;
      for (int64_t c = 0; c < frame.channels; ++c) image[at + c] = mask && !(mask[at + c] > T(0)) ? T(0) : from[c];
    }
}

// A window with one weight per tap and channel, repeated along a row. If a block, or a vector, holds all channels a whole number of
// times, every block of a row has the same weights: a sequence of `vectors` vectors that repeats.
template <typename T>
struct Filter {
  Window window;
  bool same_blocks;
  int64_t vectors, length;  // length: numbers per tap
  std::vector<T> weights;

  Filter(const Frame& frame, const Tensor& weight, int64_t dilation, bool flipped)
      : window(frame, weight.size(2), weight.size(3), dilation),
        same_blocks(LANES<T> % frame.channels == 0 || (frame.channels % LANES<T> == 0 && BLOCK<T> % frame.channels == 0)),
        vectors(same_blocks ? std::max<int64_t>(1, frame.channels / LANES<T>) : UNROLL),
        length(same_blocks ? vectors * LANES<T> : rounded_up(frame.row(), BLOCK<T>)) {
    const int64_t taps = window.taps();
    const T* values = weight.const_data_ptr<T>();
    weights.resize(taps * length);
    for (int64_t f = 0, c = 0; f < length; ++f, c = c + 1 == frame.channels ? 0 : c + 1)
      for (int64_t t = 0; t < taps; ++t) weights[t * length + f] = values[c * taps + (flipped ? taps - 1 - t : t)];
  }

  // The weights of a tap, for the elements of a row from `number` on.
  const T* at(int64_t tap, int64_t number) const { return weights.data() + tap * length + (same_blocks ? 0 : number); }
};

// Calls `work(call, first image, end)` for all images of all calls, which have equally many, divided among the threads.
template <typename Call, typename F>
void over_images(const std::vector<Call>& calls, int64_t images, F work) {
  at::parallel_for(0, static_cast<int64_t>(calls.size()) * images, 1, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t first = begin % images, last = std::min(images, first + end - begin);
      work(calls[begin / images], first, last);
      begin += last - first;
    }
  });
}

}  // namespace archwright
