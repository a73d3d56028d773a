// Max pooling and normalisation per channel, and their gradients.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <limits>

#include "window.h"

namespace archwright {
namespace {

template <typename T>
using Number = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;  // as wide as T, so that vectors of both have the same length

// The maximum of each window and its tap; ties go to the first tap, NaN wins.
template <typename T>
void largest(const Frame& frame, const Window& window, const T* x, T* out, uint8_t* taps) {
  const int64_t row = frame.row();
  const T least = -std::numeric_limits<T>::infinity();
  at::parallel_for(0, frame.batch, 1, [&](int64_t begin, int64_t end) {
    Scratch<T> padded(frame.padded(), least);
    Scratch<Number<T>> numbers(row, 0);
    Number<T>* __restrict number = numbers.data();
    for (int64_t b = begin; b < end; ++b) {
      pad(frame, x + b * frame.image(), padded.data());
      for (int64_t h = 0; h < frame.out_height; ++h) {
        const int64_t at = b * frame.output() + h * row;
        T* __restrict best = out + at;
        std::fill(best, best + row, least);
        std::fill(number, number + row, static_cast<Number<T>>(window.taps() / 2));
        for (int64_t t = 0; t < window.taps(); ++t) {
          const T* __restrict source = padded.data() + h * frame.below() + window.offset[t];
          for (int64_t f = 0; f < row; ++f) {
            const bool better = (best[f] == best[f]) & !(source[f] <= best[f]);
            best[f] = better ? source[f] : best[f];
            number[f] = better ? static_cast<Number<T>>(t) : number[f];
          }
        }
        for (int64_t f = 0; f < row; ++f) taps[at + f] = static_cast<uint8_t>(number[f]);
      }
    }
  });
}

// The transpose of `largest`: each element goes to the tap that was the maximum.
template <typename T>
void return_to_largest(const Frame& frame, const Window& window, const T* gradient, const uint8_t* taps, T* out) {
  const int64_t row = frame.row();
  at::parallel_for(0, frame.batch, 1, [&](int64_t begin, int64_t end) {
    Scratch<T> padded(frame.padded(), T(0));
    Scratch<Number<T>> numbers(row, 0);
    Number<T>* __restrict number = numbers.data();
    for (int64_t b = begin; b < end; ++b) {
      std::fill(padded.data(), padded.data() + frame.padded(), T(0));
      for (int64_t h = 0; h < frame.out_height; ++h) {
        const int64_t at = b * frame.output() + h * row;
        const T* __restrict g = gradient + at;
        for (int64_t f = 0; f < row; ++f) number[f] = taps[at + f];
        for (int64_t t = 0; t < window.taps(); ++t) {
          T* __restrict sum = padded.data() + h * frame.below() + window.offset[t];
          const auto own = static_cast<Number<T>>(t);
          for (int64_t f = 0; f < row; ++f) sum[f] += number[f] == own ? g[f] : T(0);
        }
      }
      unpad(frame, padded.data(), out + b * frame.image(), static_cast<const T*>(nullptr));
    }
  });
}

// Max pooling over size x size windows. Returns the maxima and their taps (uint8).
std::tuple<Tensor, Tensor> max_pool(const Tensor& x, int64_t size, int64_t stride) {
  const Frame frame(x, stride, size / 2, size / 2);
  const Window window(frame, size, size, 1);
  Tensor out = like(x, frame.out_height, frame.out_width);
  Tensor taps = at::empty_like(out, out.options().dtype(at::kByte));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "max_pool", [&] {
    largest(frame, window, x.const_data_ptr<scalar_t>(), out.mutable_data_ptr<scalar_t>(), taps.mutable_data_ptr<uint8_t>());
  });
  return {out, taps};
}

// x only provides the shape.
Tensor max_pool_input(const Tensor& gradient, const Tensor& taps, const Tensor& x, int64_t size, int64_t stride) {
  const Frame frame(x, stride, size / 2, size / 2);
  const Window window(frame, size, size, 1);
  Tensor out = like(x, frame.height, frame.width);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "max_pool_input", [&] {
    return_to_largest(frame, window, gradient.const_data_ptr<scalar_t>(), taps.const_data_ptr<uint8_t>(),
                      out.mutable_data_ptr<scalar_t>());
  });
  return out;
}

// x minus its mean, times r = (variance + eps)^(-1/2), per channel, in place. Returns mean and variance, (C,) each.
std::tuple<Tensor, Tensor> standardise(const Tensor& x, double eps) {
  const int64_t channels = x.size(1), positions = x.numel() / channels, chunks = (positions + CHUNK - 1) / CHUNK;
  Tensor sums = at::zeros({chunks, channels}, x.options()), squares = at::zeros({chunks, channels}, x.options());
  Tensor mean, variance;
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "standardise", [&] {
    scalar_t* data = x.mutable_data_ptr<scalar_t>();
    with_channels(channels, [&](auto constant) {
      constexpr int64_t C = decltype(constant)::value;
      using V = Pixel<scalar_t, C>;
      const auto over_chunks = [&](scalar_t* to, auto term) {
        at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
          for (int64_t k = begin; k < end; ++k) {
            V sum{};
            const int64_t last = std::min(positions, (k + 1) * CHUNK);
            for (int64_t n = k * CHUNK; n < last; ++n) sum += term(load<V>(data + n * C));
            store(to + k * C, sum);
          }
        });
      };
      over_chunks(sums.mutable_data_ptr<scalar_t>(), [](V v) { return v; });
      mean = sums.sum(0).div_(positions);
      const V centre = load<V>(mean.const_data_ptr<scalar_t>());
      over_chunks(squares.mutable_data_ptr<scalar_t>(), [&](V v) { return (v - centre) * (v - centre); });
      variance = squares.sum(0).div_(positions);
      const Tensor factors = at::rsqrt(variance + eps);
      const V factor = load<V>(factors.const_data_ptr<scalar_t>());
      at::parallel_for(0, positions, CHUNK, [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) store(data + n * C, (load<V>(data + n * C) - centre) * factor);
      });
    });
  });
  return {mean, variance};
}

// r (g - mean of g - y mean of g y), the gradient of y = standardise(x). r: (C,).
Tensor standardise_input(const Tensor& gradient, const Tensor& y, const Tensor& r) {
  const int64_t channels = y.size(1), positions = y.numel() / channels, chunks = (positions + CHUNK - 1) / CHUNK;
  Tensor sums = at::zeros({chunks, 2, channels}, y.options());
  Tensor out = like(y, y.size(2), y.size(3));
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "standardise_input", [&] {
    const scalar_t *g = gradient.const_data_ptr<scalar_t>(), *x = y.const_data_ptr<scalar_t>();
    with_channels(channels, [&](auto constant) {
      constexpr int64_t C = decltype(constant)::value;
      using V = Pixel<scalar_t, C>;
      scalar_t* summed = sums.mutable_data_ptr<scalar_t>();
      at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
          V sum{}, product{};
          const int64_t last = std::min(positions, (k + 1) * CHUNK);
          for (int64_t n = k * CHUNK; n < last; ++n) {
            const V own = load<V>(g + n * C);
            sum += own;
            product += own * load<V>(x + n * C);
          }
          store(summed + 2 * k * C, sum);
          store(summed + (2 * k + 1) * C, product);
        }
      });
      const Tensor means = sums.sum(0).div_(positions);
      const V mean = load<V>(means.const_data_ptr<scalar_t>()), slope = load<V>(means.const_data_ptr<scalar_t>() + C);
      const V factor = load<V>(r.const_data_ptr<scalar_t>());
      scalar_t* to = out.mutable_data_ptr<scalar_t>();
      at::parallel_for(0, positions, CHUNK, [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n)
          store(to + n * C, factor * (load<V>(g + n * C) - mean - slope * load<V>(x + n * C)));
      });
    });
  });
  return out;
}

}  // namespace
}  // namespace archwright

TORCH_LIBRARY_FRAGMENT(archwright, library) {
  library.def("max_pool(Tensor x, int size, int stride) -> (Tensor, Tensor)");
  library.def("max_pool_input(Tensor gradient, Tensor taps, Tensor x, int size, int stride) -> Tensor");
  library.def("standardise(Tensor(a!) x, float eps) -> (Tensor, Tensor)");
  library.def("standardise_input(Tensor gradient, Tensor y, Tensor r) -> Tensor");
}

TORCH_LIBRARY_IMPL(archwright, CPU, library) {
  library.impl("max_pool", &archwright::max_pool);
  library.impl("max_pool_input", &archwright::max_pool_input);
  library.impl("standardise", &archwright::standardise);
  library.impl("standardise_input", &archwright::standardise_input);
}
