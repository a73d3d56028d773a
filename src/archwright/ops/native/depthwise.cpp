// Depthwise convolutions that pad by half the kernel, and their gradients: some filters of one stride for each of several tensors.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include "window.h"

namespace archwright {
namespace {

// Padded for the widest of the filters.
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

// Adds a filter's sums for one block of a row to `result`. x: where the block begins in the padded image.
template <typename T, bool SAME_VECTORS>
inline void filter_block(const Filter<T>& filter, const T* x, int64_t number, T* result) {
  Vec<T> sum[UNROLL];
#pragma GCC unroll 8
  for (int64_t u = 0; u < UNROLL; ++u) sum[u] = load<Vec<T>>(result + u * LANES<T>);
  const int64_t taps = filter.window.taps();
  for (int64_t t = 0; t < taps; ++t) {
    const T* source = x + filter.window.offset[t];
    const T* weight = filter.at(t, number);
    const Vec<T> first = load<Vec<T>>(weight);
#pragma GCC unroll 8
    for (int64_t u = 0; u < UNROLL; ++u) {
      const Vec<T> factor = SAME_VECTORS ? first : load<Vec<T>>(weight + u * LANES<T>);
      sum[u] += factor * load<Vec<T>>(source + u * LANES<T>);
    }
  }
#pragma GCC unroll 8
  for (int64_t u = 0; u < UNROLL; ++u) store(result + u * LANES<T>, sum[u]);
}

template <typename T>
void add_block(const Filter<T>& filter, const T* x, int64_t number, T* result) {
  if (filter.same_vectors)
    filter_block<T, true>(filter, x, number, result);
  else
    filter_block<T, false>(filter, x, number, result);
}

std::vector<Tensor> depthwise_one(const Tensor& x, TensorList weights, int64_t stride, at::IntArrayRef dilations) {
  const Frame frame = frame_for(x, weights, stride, dilations);
  std::vector<Tensor> results;
  for (size_t i = 0; i < weights.size(); ++i) results.push_back(like(x, frame.out_height, frame.out_width));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "depthwise", [&] {
    using T = scalar_t;
    const auto filters = filters_for<T>(frame, weights, dilations, false);
    const T* images = x.const_data_ptr<T>();
    std::vector<T*> outs;
    for (const Tensor& result : results) outs.push_back(result.mutable_data_ptr<T>());
    at::parallel_for(0, frame.batch, 1, [&](int64_t begin, int64_t end) {
      Scratch<T> padded(frame.padded() + BLOCK<T>, T(0));
      alignas(64) T result[BLOCK<T>];
      for (int64_t b = begin; b < end; ++b) {
        pad(frame, images + b * frame.image(), padded.data());
        for (size_t i = 0; i < filters.size(); ++i)
          for (int64_t h = 0; h < frame.out_height; ++h)
            for (int64_t f = 0; f < frame.row(); f += BLOCK<T>) {
              std::fill(result, result + BLOCK<T>, T(0));
              add_block(filters[i], padded.data() + h * frame.below() + f, f, result);
              T* out = outs[i] + b * frame.output() + h * frame.row() + f;
              std::memcpy(out, result, sizeof(T) * std::min(BLOCK<T>, frame.row() - f));
            }
      }
    });
  });
  return results;
}

// At stride 1: the gradients themselves are filtered, by the flipped weights.
template <typename T>
void gather(const Frame& frame, const std::vector<Filter<T>>& flipped, const std::vector<const T*>& gradients, const T* mask, T* out) {
  at::parallel_for(0, frame.batch, 1, [&](int64_t begin, int64_t end) {
    const int64_t length = rounded_up(frame.padded() + BLOCK<T>, BLOCK<T>);
    Scratch<T> padded(length * static_cast<int64_t>(flipped.size()), T(0));
    alignas(64) T result[BLOCK<T>];
    for (int64_t b = begin; b < end; ++b) {
      for (size_t i = 0; i < flipped.size(); ++i) pad(frame, gradients[i] + b * frame.image(), padded.data() + i * length);
      for (int64_t h = 0; h < frame.height; ++h)
        for (int64_t f = 0; f < frame.row(); f += BLOCK<T>) {
          std::fill(result, result + BLOCK<T>, T(0));
          for (size_t i = 0; i < flipped.size(); ++i)
            add_block(flipped[i], padded.data() + i * length + h * frame.below() + f, f, result);
          const int64_t at = b * frame.image() + h * frame.row() + f, numbers = std::min(BLOCK<T>, frame.row() - f);
          if (mask)
            for (int64_t l = 0; l < numbers; ++l) out[at + l] = mask[at + l] > T(0) ? result[l] : T(0);
          else
            std::memcpy(out + at, result, sizeof(T) * numbers);
        }
    }
  });
}

// At other strides: each number of a gradient goes back to where its taps were read.
template <typename T>
void scatter(const Frame& frame, const std::vector<Filter<T>>& filters, const std::vector<const T*>& gradients, const T* mask, T* out) {
  std::vector<std::vector<T>> repeated;  // along a whole row, for each filter's taps
  for (const Filter<T>& filter : filters) {
    repeated.emplace_back(filter.window.taps() * frame.row());
    for (int64_t t = 0; t < filter.window.taps(); ++t)
      for (int64_t f = 0; f < frame.row(); ++f)
        repeated.back()[t * frame.row() + f] = filter.weights[t * filter.length + f % frame.channels];
  }
  at::parallel_for(0, frame.batch, 1, [&](int64_t begin, int64_t end) {
    Scratch<T> padded(frame.padded(), T(0));
    for (int64_t b = begin; b < end; ++b) {
      std::fill(padded.data(), padded.data() + frame.padded(), T(0));
      for (size_t i = 0; i < filters.size(); ++i)
        for (int64_t h = 0; h < frame.out_height; ++h)
          for (int64_t t = 0; t < filters[i].window.taps(); ++t) {
            T* __restrict to = padded.data() + h * frame.below() + filters[i].window.offset[t];
            const T* __restrict from = gradients[i] + b * frame.output() + h * frame.row();
            const T* __restrict factor = repeated[i].data() + t * frame.row();
            for (int64_t f = 0; f < frame.row(); ++f) to[f] += factor[f] * from[f];
          }
      unpad(frame, padded.data(), out + b * frame.image(), mask ? mask + b * frame.image() : nullptr);
    }
  });
}

// Summed over the filters; zero where x is not positive, if it was rectified.
Tensor depthwise_input_one(TensorList gradients, const Tensor& x, TensorList weights, int64_t stride, at::IntArrayRef dilations,
                           bool rectified) {
  const Frame frame = frame_for(x, weights, stride, dilations);
  Tensor out = like(x, x.size(2), x.size(3));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "depthwise_input", [&] {
    using T = scalar_t;
    const auto filters = filters_for<T>(frame, weights, dilations, stride == 1);
    const auto from = pointers<T>(gradients);
    const T* where = rectified ? x.const_data_ptr<T>() : nullptr;
    T* to = out.mutable_data_ptr<T>();
    stride == 1 ? gather(frame, filters, from, where, to) : scatter(frame, filters, from, where, to);
  });
  return out;
}

// Sums of x times gradient over the vectors of one row that are `step` apart, for KW neighbouring taps at once; lanes stay apart.
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

// Where the channels divide a vector, or vectors divide the channels. gradient: one image's; sums: `period` numbers per tap, a vector
// or the channels, whichever is longer.
template <typename T>
void correlate_vectors(const Frame& frame, const Window& window, const T* padded, const T* gradient, int64_t period, T* sums) {
  const int64_t length = rounded_up(frame.row(), LANES<T>);
  Scratch<T> row(length, T(0));  // zeros behind the last number
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

// With any channels. sums: a row per tap.
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

// found: (taps, C), one image's part of a weight's gradient.
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

std::vector<Tensor> depthwise_weight_one(TensorList gradients, const Tensor& x, TensorList weights, int64_t stride,
                                         at::IntArrayRef dilations) {
  const Frame frame = frame_for(x, weights, stride, dilations);
  std::vector<Tensor> parts;
  for (const Tensor& weight : weights)
    parts.push_back(at::empty({frame.batch, weight.size(2) * weight.size(3), frame.channels}, x.options()));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "depthwise_weight", [&] {
    using T = scalar_t;
    std::vector<Window> windows;
    std::vector<T*> outs;
    for (size_t i = 0; i < weights.size(); ++i) {
      windows.emplace_back(frame, weights[i].size(2), weights[i].size(3), dilations[i]);
      outs.push_back(parts[i].mutable_data_ptr<T>());
    }
    const auto from = pointers<T>(gradients);
    const T* images = x.const_data_ptr<T>();
    at::parallel_for(0, frame.batch, 1, [&](int64_t begin, int64_t end) {
      Scratch<T> padded(frame.padded() + BLOCK<T>, T(0));
      for (int64_t b = begin; b < end; ++b) {
        pad(frame, images + b * frame.image(), padded.data());
        for (size_t i = 0; i < windows.size(); ++i)
          correlate(frame, windows[i], padded.data(), from[i] + b * frame.output(),
                    outs[i] + b * windows[i].taps() * frame.channels);
      }
    });
  });
  std::vector<Tensor> results;
  for (size_t i = 0; i < weights.size(); ++i) results.push_back(parts[i].sum(0).t().reshape(weights[i].sizes()).contiguous());
  return results;
}

// Calls `function` for each x with the place and the number of its filters among all.
template <typename F>
void for_each(at::IntArrayRef counts, F function) {
  size_t first = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    function(i, first, static_cast<size_t>(counts[i]));
    first += static_cast<size_t>(counts[i]);
  }
}

std::vector<Tensor> depthwise(TensorList xs, at::IntArrayRef counts, TensorList weights, at::IntArrayRef strides,
                              at::IntArrayRef dilations) {
  std::vector<Tensor> results;
  for_each(counts, [&](size_t i, size_t first, size_t count) {
    for (Tensor& result : depthwise_one(xs[i], weights.slice(first, count), strides[first], dilations.slice(first, count)))
      results.push_back(std::move(result));
  });
  return results;
}

std::vector<Tensor> depthwise_input(TensorList gradients, TensorList xs, at::IntArrayRef counts, TensorList weights,
                                    at::IntArrayRef strides, at::IntArrayRef dilations, bool rectified) {
  std::vector<Tensor> results;
  for_each(counts, [&](size_t i, size_t first, size_t count) {
    results.push_back(depthwise_input_one(gradients.slice(first, count), xs[i], weights.slice(first, count), strides[first],
                                          dilations.slice(first, count), rectified));
  });
  return results;
}

std::vector<Tensor> depthwise_weight(TensorList gradients, TensorList xs, at::IntArrayRef counts, TensorList weights,
                                     at::IntArrayRef strides, at::IntArrayRef dilations) {
  std::vector<Tensor> results;
  for_each(counts, [&](size_t i, size_t first, size_t count) {
    for (Tensor& result : depthwise_weight_one(gradients.slice(first, count), xs[i], weights.slice(first, count), strides[first],
                                               dilations.slice(first, count)))
      results.push_back(std::move(result));
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
