// Products along the channels: the results of a few positions stay in registers, one vector of C numbers each.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>

#include "vectors.h"

namespace archwright {
namespace {

// Fewer channels than lanes: a vector holds several adjacent pixels. More: a pixel spans several vectors.
template <typename T, int64_t C>
constexpr int64_t BESIDE = std::max<int64_t>(1, LANES<T> / C);
template <typename T, int64_t C>
constexpr int64_t WIDTH = C * BESIDE<T, C>;
constexpr int64_t NUMBERS = 4096;  // per task, so that they stay in the L1 cache
template <typename T>
using Lane = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

// The value of a channel in all lanes, separately for each pixel if a vector holds several.
template <typename T, int64_t C>
inline auto spread(const T* z, int64_t channel) {
  if constexpr (BESIDE<T, C> == 1) {
    return z[channel];
  } else {
    Vec<Lane<T>> lanes;
    for (int64_t l = 0; l < LANES<T>; ++l) lanes[l] = static_cast<Lane<T>>(l / C * C + channel);
    return __builtin_shuffle(load<Vec<T>>(z), lanes);
  }
}

// Elements of one pixel from `part` on, repeated for each pixel in a vector.
template <typename T, int64_t C>
inline Vec<T> repeated(const T* from, int64_t part) {
  Vec<T> all;
  for (int64_t l = 0; l < LANES<T>; ++l) all[l] = from[(part + l) % C];
  return all;
}

// sum_t matrix_t z_t + sum_o gate_o x_o + bias at P times BESIDE positions, LANES elements from `part` on. columns: the
// matrices, transposed, each row repeated for the pixels in a vector.
template <typename T, int64_t C, int64_t P>
inline void multiply(const std::vector<const T*>& read, const T* columns, const T* bias, const std::vector<const T*>& others,
                     const T* gates, bool rectify, int64_t first, int64_t part, T* out) {
  using V = Vec<T>;
  constexpr int64_t W = WIDTH<T, C>;
  V sum[P];
  for (int64_t p = 0; p < P; ++p) sum[p] = bias ? repeated<T, C>(bias, part) : V{};
  for (size_t t = 0; t < read.size(); ++t) {
    const T* z = read[t] + first * C;
    const auto add = [&](int64_t c) {
      const V column = load<V>(columns + (t * C + c) * W + part);
#pragma GCC unroll 8
      for (int64_t p = 0; p < P; ++p) sum[p] += spread<T, C>(z + p * W, c) * column;
    };
    if constexpr (BESIDE<T, C> == 1) {
      for (int64_t c = 0; c < C; ++c) add(c);
    } else {
#pragma GCC unroll 8
      for (int64_t c = 0; c < C; ++c) add(c);  // so that the broadcast lanes are known at compile time
    }
  }
  for (size_t o = 0; o < others.size(); ++o)
    for (int64_t p = 0; p < P; ++p) sum[p] += gates[o] * load<V>(others[o] + first * C + p * W + part);
  for (int64_t p = 0; p < P; ++p) {
    if (rectify) sum[p] = sum[p] < V{} ? V{} : sum[p];  // keeps NaN
    store(out + first * C + p * W + part, sum[p]);
  }
}

// One position.
template <typename T, int64_t C>
void multiply_one(const std::vector<const T*>& read, const T* columns, const T* bias, const std::vector<const T*>& others,
                  const T* gates, bool rectify, int64_t position, T* out) {
  for (int64_t d = 0; d < C; ++d) {
    T sum = bias ? bias[d] : T(0);
    for (size_t t = 0; t < read.size(); ++t)
      for (int64_t c = 0; c < C; ++c) sum += read[t][position * C + c] * columns[(t * C + c) * WIDTH<T, C> + d];
    for (size_t o = 0; o < others.size(); ++o) sum += gates[o] * others[o][position * C + d];
    out[position * C + d] = rectify && sum < T(0) ? T(0) : sum;
  }
}

template <typename T, int64_t C>
void multiply_all(const std::vector<const T*>& read, const T* columns, const T* bias, const std::vector<const T*>& others,
                  const T* gates, bool rectify, int64_t begin, int64_t end, T* out) {
  constexpr int64_t P = 8, STEP = P * BESIDE<T, C>;
  int64_t n = begin;
  for (; n + STEP <= end; n += STEP)
    for (int64_t part = 0; part < WIDTH<T, C>; part += LANES<T>)
      multiply<T, C, P>(read, columns, bias, others, gates, rectify, n, part, out);
  for (; n < end; ++n) multiply_one<T, C>(read, columns, bias, others, gates, rectify, n, out);
}

// Matrices (..., C, C) as `multiply` reads them: column by column, each column repeated for the pixels in a vector.
template <typename T, int64_t C>
std::vector<T> columns_of(const Tensor& matrices) {
  const Tensor all = matrices.contiguous();
  const T* from = all.const_data_ptr<T>();
  std::vector<T> columns(all.numel() * BESIDE<T, C>);
  T* to = columns.data();
  for (int64_t first = 0; first < all.numel(); first += C * C)
    for (int64_t c = 0; c < C; ++c)
      for (int64_t w = 0; w < WIDTH<T, C>; ++w) *to++ = from[first + w % C * C + c];
  return columns;
}

// matrices: (T, C, C). gates: one per tensor in `others`. bias: (C,).
Tensor product_sum(const Tensor& matrices, TensorList tensors, const Tensor& bias, TensorList others, const Tensor& gates) {
  const Tensor& one = tensors[0];
  Tensor out = like(one, one.size(2), one.size(3));
  AT_DISPATCH_FLOATING_TYPES(one.scalar_type(), "product_sum", [&] {
    using T = scalar_t;
    const auto read = pointers<T>(tensors), added = pointers<T>(others);
    const T *shift = bias.const_data_ptr<T>(), *factors = gates.const_data_ptr<T>();
    T* to = out.mutable_data_ptr<T>();
    with_channels(one.size(1), [&](auto constant) {
      constexpr int64_t C = decltype(constant)::value;
      const auto columns = columns_of<T, C>(matrices);
      at::parallel_for(0, one.numel() / C, CHUNK, [&](int64_t begin, int64_t end) {
        multiply_all<T, C>(read, columns.data(), shift, added, factors, false, begin, end, to);
      });
    });
  });
  return out;
}

// For each t: sum_i matrix_ti x_ti + bias_t. matrices: (T, I, C, C). tensors: T * I, those of each t in sequence. biases: (T, C).
std::vector<Tensor> products(const Tensor& matrices, TensorList tensors, const optional<Tensor>& biases, bool rectify) {
  const Tensor& one = tensors[0];
  const int64_t terms = matrices.size(0), factors = matrices.size(1);
  std::vector<Tensor> results;
  for (int64_t t = 0; t < terms; ++t) results.push_back(like(one, one.size(2), one.size(3)));
  AT_DISPATCH_FLOATING_TYPES(one.scalar_type(), "products", [&] {
    using T = scalar_t;
    const auto read = pointers<T>(tensors);
    const T* shifts = biases ? biases->const_data_ptr<T>() : nullptr;
    std::vector<std::vector<const T*>> own;
    std::vector<T*> outs;
    for (int64_t t = 0; t < terms; ++t) {
      own.emplace_back(read.begin() + t * factors, read.begin() + (t + 1) * factors);
      outs.push_back(results[t].mutable_data_ptr<T>());
    }
    with_channels(one.size(1), [&](auto constant) {
      constexpr int64_t C = decltype(constant)::value;
      const auto columns = columns_of<T, C>(matrices);
      at::parallel_for(0, one.numel() / C, CHUNK, [&](int64_t begin, int64_t end) {
        for (int64_t t = 0; t < terms; ++t)
          multiply_all<T, C>(own[t], columns.data() + t * factors * C * WIDTH<T, C>, shifts ? shifts + t * C : nullptr, {}, nullptr, rectify, begin, end,
                             outs[t]);
      });
    });
  });
  return results;
}

// sums (C, C) += x^T y for x, y (n, C).
template <typename T, int64_t C>
inline void accumulate(const T* x, const T* y, int64_t n, T* sums) {
  using V = Vec<T>;
  constexpr int64_t ROWS = std::min<int64_t>(C, 16);
  const int64_t whole = n / BESIDE<T, C> * BESIDE<T, C>;
  for (int64_t part = 0; part < WIDTH<T, C>; part += LANES<T>)
    for (int64_t c = 0; c < C; c += ROWS) {
      V sum[ROWS] = {};
      for (int64_t i = 0; i < whole; i += BESIDE<T, C>) {
        const V row = load<V>(y + i * C + part);
#pragma GCC unroll 16
        for (int64_t r = 0; r < ROWS; ++r) sum[r] += spread<T, C>(x + i * C, c + r) * row;
      }
#pragma GCC unroll 16
      for (int64_t r = 0; r < ROWS; ++r) {
        alignas(64) T lanes[LANES<T>];
        store(lanes, sum[r]);
        for (int64_t l = 0; l < LANES<T>; ++l) sums[(c + r) * C + (part + l) % C] += lanes[l];
      }
    }
  for (int64_t i = whole; i < n; ++i)
    for (int64_t c = 0; c < C; ++c)
      for (int64_t d = 0; d < C; ++d) sums[c * C + d] += x[i * C + c] * y[i * C + d];
}

// For each pair of tensors (B, C, H, W) the sum over all positions of x y^T: (T, C, C).
Tensor cross(TensorList xs, TensorList ys) {
  const Tensor& one = xs[0];
  const int64_t channels = one.size(1), positions = one.numel() / channels, count = static_cast<int64_t>(xs.size());
  const int64_t chunks = (positions + CHUNK - 1) / CHUNK;
  Tensor parts = at::zeros({chunks, count, channels, channels}, one.options());
  AT_DISPATCH_FLOATING_TYPES(one.scalar_type(), "cross", [&] {
    const auto left = pointers<scalar_t>(xs), right = pointers<scalar_t>(ys);
    scalar_t* to = parts.mutable_data_ptr<scalar_t>();
    with_channels(channels, [&](auto constant) {
      constexpr int64_t C = decltype(constant)::value;
      at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k)
          for (int64_t t = 0; t < count; ++t) {
            const int64_t n = std::min(CHUNK, positions - k * CHUNK), at = k * CHUNK * C;
            accumulate<scalar_t, C>(left[t] + at, right[t] + at, n, to + (k * count + t) * C * C);
          }
      });
    });
  });
  return parts.sum(0);
}

// The sum of each tensor (B, C, H, W) over all positions: (T, C).
Tensor sums(TensorList tensors) {
  const Tensor& one = tensors[0];
  const int64_t channels = one.size(1), positions = one.numel() / channels, count = static_cast<int64_t>(tensors.size());
  const int64_t chunks = (positions + CHUNK - 1) / CHUNK;
  Tensor parts = at::empty({chunks, count, channels}, one.options());
  AT_DISPATCH_FLOATING_TYPES(one.scalar_type(), "sums", [&] {
    const auto read = pointers<scalar_t>(tensors);
    scalar_t* to = parts.mutable_data_ptr<scalar_t>();
    with_channels(channels, [&](auto constant) {
      constexpr int64_t C = decltype(constant)::value;
      using V = Pixel<scalar_t, C>;
      at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k)
          for (int64_t t = 0; t < count; ++t) {
            V sum{};
            const int64_t last = std::min(positions, (k + 1) * CHUNK);
            for (int64_t n = k * CHUNK; n < last; ++n) sum += load<V>(read[t] + n * C);
            store(to + (k * count + t) * C, sum);
          }
      });
    });
  });
  return parts.sum(0);
}

// Mean (T, C) and covariance (T, C, C) of the channels over all positions.
std::tuple<Tensor, Tensor> moments(TensorList tensors) {
  const Tensor& one = tensors[0];
  const int64_t channels = one.size(1), positions = one.numel() / channels, count = static_cast<int64_t>(tensors.size());
  const int64_t chunks = (positions + CHUNK - 1) / CHUNK;
  const Tensor mean = sums(tensors).div_(positions);
  Tensor squares = at::zeros({chunks, count, channels, channels}, one.options());
  AT_DISPATCH_FLOATING_TYPES(one.scalar_type(), "moments", [&] {
    const auto read = pointers<scalar_t>(tensors);
    with_channels(channels, [&](auto constant) {
      constexpr int64_t C = decltype(constant)::value;
      using V = Pixel<scalar_t, C>;
      const scalar_t* centre = mean.const_data_ptr<scalar_t>();
      scalar_t* squared = squares.mutable_data_ptr<scalar_t>();
      at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
        std::vector<scalar_t> centred(CHUNK * C);
        for (int64_t k = begin; k < end; ++k)
          for (int64_t t = 0; t < count; ++t) {
            const V middle = load<V>(centre + t * C);
            const int64_t n = std::min(CHUNK, positions - k * CHUNK);
            const scalar_t* from = read[t] + k * CHUNK * C;
            for (int64_t i = 0; i < n; ++i) store(centred.data() + i * C, load<V>(from + i * C) - middle);
            accumulate<scalar_t, C>(centred.data(), centred.data(), n, squared + (k * count + t) * C * C);
          }
      });
    });
  });
  return {mean, squares.sum(0).div_(positions)};
}

// x times each gate.
std::vector<Tensor> scaled(const Tensor& x, const Tensor& gates) {
  std::vector<Tensor> results;
  for (int64_t o = 0; o < gates.numel(); ++o) results.push_back(like(x, x.size(2), x.size(3)));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "scaled", [&] {
    const scalar_t *from = x.const_data_ptr<scalar_t>(), *gate = gates.const_data_ptr<scalar_t>();
    std::vector<scalar_t*> outs;
    for (Tensor& result : results) outs.push_back(result.mutable_data_ptr<scalar_t>());
    at::parallel_for(0, x.numel(), NUMBERS, [&](int64_t begin, int64_t end) {
      for (int64_t first = begin; first < end; first += NUMBERS)
        for (size_t o = 0; o < outs.size(); ++o) {
          scalar_t* __restrict to = outs[o];
          for (int64_t n = first; n < std::min(end, first + NUMBERS); ++n) to[n] = gate[o] * from[n];
        }
    });
  });
  return results;
}

// The inner products of x with each of the others: (number of others,).
Tensor dots(const Tensor& x, TensorList others) {
  const int64_t chunks = (x.numel() + NUMBERS - 1) / NUMBERS, count = static_cast<int64_t>(others.size());
  Tensor parts = at::zeros({chunks, count}, x.options());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "dots", [&] {
    using V = Vec<scalar_t>;
    const scalar_t* left = x.const_data_ptr<scalar_t>();
    const auto right = pointers<scalar_t>(others);
    scalar_t* to = parts.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k)
        for (int64_t o = 0; o < count; ++o) {
          const int64_t last = std::min(x.numel(), (k + 1) * NUMBERS);
          int64_t n = k * NUMBERS;
          V sum{};
          for (; n + LANES<scalar_t> <= last; n += LANES<scalar_t>) sum += load<V>(left + n) * load<V>(right[o] + n);
          scalar_t total = 0;
          for (int64_t l = 0; l < LANES<scalar_t>; ++l) total += sum[l];
          for (; n < last; ++n) total += left[n] * right[o][n];
          to[k * count + o] = total;
        }
    });
  });
  return parts.sum(0);
}

}  // namespace
}  // namespace archwright

TORCH_LIBRARY_FRAGMENT(archwright, library) {
  library.def("product_sum(Tensor matrices, Tensor[] tensors, Tensor bias, Tensor[] others, Tensor gates) -> Tensor");
  library.def("products(Tensor matrices, Tensor[] tensors, Tensor? biases, bool rectify) -> Tensor[]");
  library.def("cross(Tensor[] xs, Tensor[] ys) -> Tensor");
  library.def("scaled(Tensor x, Tensor gates) -> Tensor[]");
  library.def("dots(Tensor x, Tensor[] others) -> Tensor");
  library.def("sums(Tensor[] tensors) -> Tensor");
  library.def("moments(Tensor[] tensors) -> (Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(archwright, CPU, library) {
  library.impl("product_sum", &archwright::product_sum);
  library.impl("products", &archwright::products);
  library.impl("cross", &archwright::cross);
  library.impl("scaled", &archwright::scaled);
  library.impl("dots", &archwright::dots);
  library.impl("sums", &archwright::sums);
  library.impl("moments", &archwright::moments);
}
