#include "compute/backbone/huge_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>
#include <utility>

namespace nevus {

HugeBuffer::HugeBuffer(size_t bytes) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  bytes_ = (bytes + page - 1) / page * page;
  // Somewhere in one that is larger by an alignment there is one that is
  // aligned; the rest goes back.
  const size_t mapped = bytes_ + kLeastBytes;
  void* const all = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) throw std::bad_alloc();
  char* const begin = static_cast<char*>(all);
  const size_t head =
      (kLeastBytes - reinterpret_cast<uintptr_t>(begin) % kLeastBytes) %
      kLeastBytes;
  if (head > 0) munmap(begin, head);
  munmap(begin + head + bytes_, mapped - head - bytes_);
  data_ = begin + head;
  // Advice: without it there are ordinary pages.
  madvise(data_, bytes_, MADV_HUGEPAGE);
}

HugeBuffer::~HugeBuffer() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

HugeBuffer::HugeBuffer(HugeBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}

}  // namespace nevus
