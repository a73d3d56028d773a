// SIMD vectors for images in channels-last layout: (B, H, W, C) in float or double.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace archwright {

using at::Tensor;
using at::TensorList;
using std::optional;

template <typename T, int64_t BYTES>
struct VectorOf {
  typedef T type __attribute__((vector_size(BYTES)));
};
template <typename T>
using Vec = typename VectorOf<T, 64>::type;
template <typename T, int64_t C>
using Pixel = typename VectorOf<T, C * static_cast<int64_t>(sizeof(T))>::type;

template <typename T>
constexpr int64_t LANES = 64 / static_cast<int64_t>(sizeof(T));
constexpr int64_t UNROLL = 8;
template <typename T>
constexpr int64_t BLOCK = UNROLL * LANES<T>;

template <typename V, typename T>
inline V load(const T* from) {
  V vector;
  std::memcpy(&vector, from, sizeof(V));
  return vector;
}

template <typename V, typename T>
inline void store(T* to, const V& vector) {
  std::memcpy(to, &vector, sizeof(V));
}

// Scratch memory with the alignment of a vector.
template <typename T>
class Scratch {
 public:
  Scratch(int64_t numbers, T value) : memory_(numbers + LANES<T>, value) {
    const auto past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(memory_.data()) % 64);
    start_ = memory_.data() + (64 - past) % 64 / static_cast<int64_t>(sizeof(T));
  }
  T* data() { return start_; }

 private:
  std::vector<T> memory_;
  T* start_;
};

inline int64_t rounded_up(int64_t number, int64_t to) { return (number + to - 1) / to * to; }

constexpr int64_t CHUNK = 512;  // positions summed by one task

template <typename F>
void with_channels(int64_t channels, F function) {
  switch (channels) {
    case 4: return function(std::integral_constant<int64_t, 4>{});
    case 8: return function(std::integral_constant<int64_t, 8>{});
    case 16: return function(std::integral_constant<int64_t, 16>{});
    case 32: return function(std::integral_constant<int64_t, 32>{});
    case 64: return function(std::integral_constant<int64_t, 64>{});
    case 128: return function(std::integral_constant<int64_t, 128>{});
    default: TORCH_CHECK(false, "no product for ", channels, " channels: 4, 8, 16, 32, 64 and 128 are compiled");
  }
}

template <typename T>
std::vector<const T*> pointers(TensorList tensors) {
  std::vector<const T*> found;
  for (const Tensor& tensor : tensors) found.push_back(tensor.const_data_ptr<T>());
  return found;
}

inline Tensor like(const Tensor& x, int64_t height, int64_t width) {
  return at::empty({x.size(0), x.size(1), height, width}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
}

}  // namespace archwright
