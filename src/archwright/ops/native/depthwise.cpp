// Depthwise convolutions padded by half the kernel, and their gradients: several filters of one stride for each of several tensors.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include "window.h"

namespace archwright {
namespace {

// Padded for the widest filter.
Frame frame_for(const Tensor& x, TensorList weights, int64_t stride, at::IntArrayRef dilations) {
  int64_t top = 0, left = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    top = std::max(top, dilations[i] * (weights[i].size(2) - 1) / 2);
    left = std::max(left, dilations[i] * (weights[i].size(3) - 1) / 2);
  }
  return Frame(x, stride, top, left);
}

template <typename T>
std::vector<Filter<T>> filters_for(const Frame& frame, TensorList weights, at::IntArrayRef dilations, bool flipped) {
  std::vector<Filter<T>> filters;
  for (size_t i = 0; i < weights.size(); ++i) filters.emplace_back(frame, weights[i], dilations[i], flipped);
  return filters;
}

// Adds a filter's sums for one block of a row to `result`. x: the start of the block in the padded image.
template <typename T, int64_t VECTORS>
inline void filter_block(const Filter<T>& filter, const T* x, int64_t number, T* result) {
  Vec<T> sum[UNROLL];
#pragma GCC unroll 8
  for (int64_t u = 0; u < UNROLL; ++u) sum[u] = load<Vec<T>>(result + u * LANES<T>);
  const int64_t taps = filter.window.taps();
  for (int64_t t = 0; t < taps; ++t) {
    const T* source = x + filter.window.offset[t];
    const T* weight = filter.at(t, number);
    Vec<T> factor[VECTORS];
#pragma GCC unroll 8
    for (int64_t v = 0; v < VECTORS; ++v) factor[v] = load<Vec<T>>(weight + v * LANES<T>);
#pragma GCC unroll 8
    for (int64_t u = 0; u < UNROLL; ++u) sum[u] += factor[u % VECTORS] * load<Vec<T>>(source + u * LANES<T>);
  }
#pragma GCC unroll 8
  for (int64_t u = 0; u < UNROLL; ++u) store(result + u * LANES<T>, sum[u]);
}

template <typename T>
void add_block(const Filter<T>& filter, const T* x, int64_t number, T* result) {
  switch (filter.vectors) {
    case 1: return filter_block<T, 1>(filter, x, number, result);
    case 2: return filter_block<T, 2>(filter, x, number, result);
    case 4: return filter_block<T, 4>(filter, x, number, result);
    default: return filter_block<T, 8>(filter, x, number, result);
  }
}

// One x, its filters, and the tensors that are read and written.
template <typename T>
struct Call {
  Frame frame;
  std::vector<Filter<T>> filters;
  std::vector<const T*> from;
  std::vector<T*> to;
};

// For each x a call with its own filters.
template <typename T>
std::vector<Call<T>> calls_for(TensorList xs, at::IntArrayRef counts, TensorList weights, at::IntArrayRef strides,
                               at::IntArrayRef dilations, bool backwards) {
  std::vector<Call<T>> calls;
  size_t first = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const auto count = static_cast<size_t>(counts[i]);
    const TensorList own = weights.slice(first, count);
    const at::IntArrayRef apart = dilations.slice(first, count);
    const Frame frame = frame_for(xs[i], own, strides[first], apart);
    calls.push_back({frame, filters_for<T>(frame, own, apart, backwards && frame.stride == 1), {}, {}});
    first += count;
  }
  return calls;
}

template <typename T>
void filter_images(const Call<T>& call, int64_t begin, int64_t end) {
  const Frame& frame = call.frame;
  Scratch<T> padded(frame.padded() + BLOCK<T>, T(0));
  alignas(64) T result[BLOCK<T>];
  for (int64_t b = begin; b < end; ++b) {
    pad(frame, call.from[0] + b * frame.image(), padded.data());
    for (size_t i = 0; i < call.filters.size(); ++i)
      for (int64_t h = 0; h < frame.out_height; ++h)
        for (int64_t f = 0; f < frame.row(); f += BLOCK<T>) {
          std::fill(result, result + BLOCK<T>, T(0));
          add_block(call.filters[i], padded.data() + h * frame.below() + f, f, result);
          T* out = call.to[i] + b * frame.output() + h * frame.row() + f;
          std::memcpy(out, result, sizeof(T) * std::min(BLOCK<T>, frame.row() - f));
        }
  }
}

std::vector<Tensor> depthwise(TensorList xs, at::IntArrayRef counts, TensorList weights, at::IntArrayRef strides,
                              at::IntArrayRef dilations) {
  std::vector<Tensor> results;
  AT_DISPATCH_FLOATING_TYPES(xs[0].scalar_type(), "depthwise", [&] {
    auto calls = calls_for<scalar_t>(xs, counts, weights, strides, dilations, false);
    for (size_t i = 0; i < calls.size(); ++i) {
      auto& call = calls[i];
      call.from.push_back(xs[i].const_data_ptr<scalar_t>());
      for (size_t k = 0; k < call.filters.size(); ++k) {
        results.push_back(like(xs[i], call.frame.out_height, call.frame.out_width));
        call.to.push_back(results.back().mutable_data_ptr<scalar_t>());
      }
    }
    over_images(calls, xs[0].size(0), filter_images<scalar_t>);
  });
  return results;
}

// At stride 1: the gradients are filtered with the flipped weights. call.from: the gradients, followed by x if the result is masked
// where x is not positive.
template <typename T>
void gather(const Call<T>& call, int64_t begin, int64_t end) {
  const Frame& frame = call.frame;
  const size_t count = call.filters.size();
  const T* mask = call.from.size() > count ? call.from[count] : nullptr;
  const int64_t length = rounded_up(frame.padded() + BLOCK<T>, BLOCK<T>);
  Scratch<T> padded(length * static_cast<int64_t>(count), T(0));
  alignas(64) T result[BLOCK<T>];
  for (int64_t b = begin; b < end; ++b) {
    for (size_t i = 0; i < count; ++i) pad(frame, call.from[i] + b * frame.image(), padded.data() + i * length);
    for (int64_t h = 0; h < frame.height; ++h)
      for (int64_t f = 0; f < frame.row(); f += BLOCK<T>) {
        std::fill(result, result + BLOCK<T>, T(0));
        for (size_t i = 0; i < count; ++i)
          add_block(call.filters[i], padded.data() + i * length + h * frame.below() + f, f, result);
        const int64_t at = b * frame.image() + h * frame.row() + f, numbers = std::min(BLOCK<T>, frame.row() - f);
        T* out = call.to[0] + at;
        if (mask)
          for (int64_t l = 0; l < numbers; ++l) out[l] = mask[at + l] > T(0) ? result[l] : T(0);
        else
          std::memcpy(out, result, sizeof(T) * numbers);
      }
  }
}

// A filter's weights along a whole row, tap by tap.
template <typename T>
std::vector<T> along_a_row(const Filter<T>& filter, int64_t channels, int64_t numbers) {
  std::vector<T> repeated(filter.window.taps() * numbers);
  for (int64_t t = 0; t < filter.window.taps(); ++t)
    for (int64_t f = 0; f < numbers; f += channels)
      std::memcpy(repeated.data() + t * numbers + f, filter.weights.data() + t * filter.length, sizeof(T) * channels);
  return repeated;
}

// At other strides: each element of a gradient is scattered to the positions that its taps read.
template <typename T>
void scatter(const Call<T>& call, int64_t begin, int64_t end) {
  const Frame& frame = call.frame;
  const size_t count = call.filters.size();
  const T* mask = call.from.size() > count ? call.from[count] : nullptr;
  std::vector<std::vector<T>> factors;
  for (const Filter<T>& filter : call.filters) factors.push_back(along_a_row(filter, frame.channels, frame.row()));
  Scratch<T> padded(frame.padded(), T(0));
  for (int64_t b = begin; b < end; ++b) {
    std::fill(padded.data(), padded.data() + frame.padded(), T(0));
    for (size_t i = 0; i < count; ++i)
      for (int64_t h = 0; h < frame.out_height; ++h)
        for (int64_t t = 0; t < call.filters[i].window.taps(); ++t) {
          T* __restrict to = padded.data() + h * frame.below() + call.filters[i].window.offset[t];
          const T* __restrict from = call.from[i] + b * frame.output() + h * frame.row();
          const T* __restrict factor = factors[i].data() + t * frame.row();
          for (int64_t f = 0; f < frame.row(); ++f) to[f] += factor[f] * from[f];
        }
    unpad(frame, padded.data(), call.to[0] + b * frame.image(), mask ? mask + b * frame.image() : nullptr);
  }
}

// Summed over the filters of each x; zero where x is not positive if it was rectified.
std::vector<Tensor> depthwise_input(TensorList gradients, TensorList xs, at::IntArrayRef counts, TensorList weights,
                                    at::IntArrayRef strides, at::IntArrayRef dilations, bool rectified) {
  std::vector<Tensor> results;
  AT_DISPATCH_FLOATING_TYPES(xs[0].scalar_type(), "depthwise_input", [&] {
    auto calls = calls_for<scalar_t>(xs, counts, weights, strides, dilations, true);
    size_t next = 0;
    for (size_t i = 0; i < calls.size(); ++i) {
      auto& call = calls[i];
      for (size_t k = 0; k < call.filters.size(); ++k) call.from.push_back(gradients[next++].const_data_ptr<scalar_t>());
      if (rectified) call.from.push_back(xs[i].const_data_ptr<scalar_t>());
      results.push_back(like(xs[i], xs[i].size(2), xs[i].size(3)));
      call.to.push_back(results.back().mutable_data_ptr<scalar_t>());
    }
    over_images(calls, xs[0].size(0), [](const Call<scalar_t>& call, int64_t begin, int64_t end) {
      call.frame.stride == 1 ? gather(call, begin, end) : scatter(call, begin, end);
    });
  });
  return results;
}

// Sums of x times gradient over the vectors of one row that are `step` apart, for KW adjacent taps at once; lanes are kept separate.
template <typename T, int KW>
inline void correlate_row(const T* x, const int64_t* offset, const T* gradient, int64_t numbers, int64_t step, T* sums, int64_t apart) {
  Vec<T> sum[KW];
#pragma GCC unroll 8
  for (int j = 0; j < KW; ++j) sum[j] = load<Vec<T>>(sums + j * apart);
  for (int64_t f = 0; f < numbers; f += step) {
    const Vec<T> g = load<Vec<T>>(gradient + f);
#pragma GCC unroll 8
    for (int j = 0; j < KW; ++j) sum[j] += g * load<Vec<T>>(x + offset[j] + f);
  }
#pragma GCC unroll 8
  for (int j = 0; j < KW; ++j) store(sums + j * apart, sum[j]);
}

// If the channels divide a vector, or vectors divide the channels. gradient: of one image; sums: `period` numbers per tap, the larger
// of a vector and the channels.
template <typename T>
void correlate_vectors(const Frame& frame, const Window& window, const T* padded, const T* gradient, int64_t period, T* sums) {
  const int64_t length = rounded_up(frame.row(), LANES<T>);
  Scratch<T> row(length, T(0));  // zeros after the last element
  for (int64_t h = 0; h < frame.out_height; ++h) {
    std::memcpy(row.data(), gradient + h * frame.row(), sizeof(T) * frame.row());
    for (int64_t i = 0; i < window.kh; ++i)
      for (int64_t v = 0; v < period; v += LANES<T>) {
        const T *x = padded + h * frame.below() + v, *g = row.data() + v;
        const int64_t* offset = window.offset.data() + i * window.kw;
        T* sum = sums + i * window.kw * period + v;
        if (window.kw == 3)
          correlate_row<T, 3>(x, offset, g, length - v, period, sum, period);
        else if (window.kw == 5)
          correlate_row<T, 5>(x, offset, g, length - v, period, sum, period);
        else
          for (int64_t j = 0; j < window.kw; ++j) correlate_row<T, 1>(x, offset + j, g, length - v, period, sum + j * period, period);
      }
  }
}

// For any number of channels. sums: one row per tap.
template <typename T>
void correlate_rows(const Frame& frame, const Window& window, const T* padded, const T* gradient, T* sums) {
  for (int64_t h = 0; h < frame.out_height; ++h)
    for (int64_t t = 0; t < window.taps(); ++t) {
      T* __restrict sum = sums + t * frame.row();
      const T* __restrict x = padded + h * frame.below() + window.offset[t];
      const T* __restrict g = gradient + h * frame.row();
      for (int64_t f = 0; f < frame.row(); ++f) sum[f] += x[f] * g[f];
    }
}

// found: (taps, C), the contribution of one image to a weight gradient.
template <typename T>
void correlate(const Frame& frame, const Window& window, const T* padded, const T* gradient, T* found) {
  const bool vectors = LANES<T> % frame.channels == 0 || frame.channels % LANES<T> == 0;
  const int64_t length = vectors ? std::max(LANES<T>, frame.channels) : frame.row();
  Scratch<T> sums(window.taps() * length, T(0));
  if (vectors)
    correlate_vectors(frame, window, padded, gradient, length, sums.data());
  else
    correlate_rows(frame, window, padded, gradient, sums.data());
  std::fill(found, found + window.taps() * frame.channels, T(0));
  for (int64_t t = 0; t < window.taps(); ++t)
    for (int64_t f = 0; f < length; ++f) found[t * frame.channels + f % frame.channels] += sums.data()[t * length + f];
}

// call.from: x, and the gradients. call.to: for each filter the contribution of each image, (images, taps, channels).
template <typename T>
void correlate_images(const Call<T>& call, int64_t begin, int64_t end) {
  const Frame& frame = call.frame;
  Scratch<T> padded(frame.padded() + BLOCK<T>, T(0));
  for (int64_t b = begin; b < end; ++b) {
    pad(frame, call.from[0] + b * frame.image(), padded.data());
    for (size_t i = 0; i < call.filters.size(); ++i) {
      const Window& window = call.filters[i].window;
      correlate(frame, window, padded.data(), call.from[i + 1] + b * frame.output(), call.to[i] + b * window.taps() * frame.channels);
    }
  }
}

// (images, taps, channels) -> (channels, taps)
template <typename T>
void sum_parts(const T* parts, int64_t images, int64_t taps, int64_t channels, T* sums) {
  for (int64_t b = 0; b < images; ++b)
    for (int64_t t = 0; t < taps; ++t)
      for (int64_t c = 0; c < channels; ++c) sums[c * taps + t] += *parts++;
}

std::vector<Tensor> depthwise_weight(TensorList gradients, TensorList xs, at::IntArrayRef counts, TensorList weights,
                                     at::IntArrayRef strides, at::IntArrayRef dilations) {
  const int64_t images = xs[0].size(0);
  std::vector<Tensor> results;
  for (const Tensor& weight : weights) results.push_back(at::zeros(weight.sizes(), weight.options()));
  AT_DISPATCH_FLOATING_TYPES(xs[0].scalar_type(), "depthwise_weight", [&] {
    auto calls = calls_for<scalar_t>(xs, counts, weights, strides, dilations, false);
    int64_t numbers = 0;
    for (const Tensor& weight : weights) numbers += images * weight.numel();
    const Tensor parts = at::empty({numbers}, xs[0].options());
    scalar_t* part = parts.mutable_data_ptr<scalar_t>();
    size_t next = 0;
    for (size_t i = 0; i < calls.size(); ++i) {
      auto& call = calls[i];
      call.from.push_back(xs[i].const_data_ptr<scalar_t>());
      for (size_t k = 0; k < call.filters.size(); ++k, ++next) {
        call.from.push_back(gradients[next].const_data_ptr<scalar_t>());
        call.to.push_back(part);
        part += images * weights[next].numel();
      }
    }
    over_images(calls, images, correlate_images<scalar_t>);
    next = 0;
    for (const auto& call : calls)
      for (size_t k = 0; k < call.filters.size(); ++k, ++next)
        sum_parts(call.to[k], images, call.filters[k].window.taps(), call.frame.channels, results[next].mutable_data_ptr<scalar_t>());
  });
  return results;
}

}  // namespace
}  // namespace archwright

TORCH_LIBRARY_FRAGMENT(archwright, library) {
  library.def("depthwise(Tensor[] xs, int[] counts, Tensor[] weights, int[] strides, int[] dilations) -> Tensor[]");
  library.def(
      "depthwise_input(Tensor[] gradients, Tensor[] xs, int[] counts, Tensor[] weights, int[] strides, int[] dilations, "
      "bool rectified) -> Tensor[]");
  library.def(
      "depthwise_weight(Tensor[] gradients, Tensor[] xs, int[] counts, Tensor[] weights, int[] strides, int[] dilations) -> "
      "Tensor[]");
}

TORCH_LIBRARY_IMPL(archwright, CPU, library) {
  library.impl("depthwise", &archwright::depthwise);
  library.impl("depthwise_input", &archwright::depthwise_input);
  library.impl("depthwise_weight", &archwright::depthwise_weight);
}
