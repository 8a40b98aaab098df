// Memory for what is large and lives long: a network's weights and buffers.
#ifndef NEVUS_COMPUTE_BACKBONE_HUGE_BUFFER_H_
#define NEVUS_COMPUTE_BACKBONE_HUGE_BUFFER_H_

#include <cstddef>

namespace nevus {

// Zeros, on huge pages where the kernel has them: to touch 170 MB of ordinary
// pages for the first time took 0.5 s of a VGG16's start. Goes back to the
// system with the buffer, not to the allocator. Movable.
class HugeBuffer {
 public:
  // From here on it is worth a mapping of its own.
  static constexpr size_t kLeastBytes = size_t{2} << 20;

  // Throws std::bad_alloc.
  explicit HugeBuffer(size_t bytes);
  ~HugeBuffer();
  HugeBuffer(HugeBuffer&& other) noexcept;
  HugeBuffer& operator=(HugeBuffer&&) = delete;

  // Aligned to kLeastBytes.
  void* data() const { return data_; }

 private:
  void* data_;
  size_t bytes_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_HUGE_BUFFER_H_
