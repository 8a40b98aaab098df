#include "compute/backbone/huge_buffer.h"

#include <cstdint>
#include <new>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(HugeBufferTest, IsAlignedZeroAndWritableToItsLastByte) {
  for (size_t bytes : {size_t{1}, size_t{4096}, HugeBuffer::kLeastBytes,
                       3 * HugeBuffer::kLeastBytes + 5}) {
    const HugeBuffer buffer(bytes);
    EXPECT_EQ(
        reinterpret_cast<uintptr_t>(buffer.data()) % HugeBuffer::kLeastBytes,
        0u);
    char* const data = static_cast<char*>(buffer.data());
    EXPECT_EQ(data[0], 0);
    EXPECT_EQ(data[bytes - 1], 0);
    data[bytes - 1] = 7;
    EXPECT_EQ(data[bytes - 1], 7);
  }
}

TEST(HugeBufferTest, StaysInPlaceWhenMoved) {
  std::vector<HugeBuffer> buffers;
  buffers.emplace_back(HugeBuffer::kLeastBytes);
  int* const value = static_cast<int*>(buffers[0].data());
  *value = 5;
  for (int i = 0; i < 10; ++i) buffers.emplace_back(HugeBuffer::kLeastBytes);
  EXPECT_EQ(buffers[0].data(), value);
  EXPECT_EQ(*value, 5);
}

TEST(HugeBufferTest, SaysWhenThereIsNoMemory) {
  EXPECT_THROW(HugeBuffer(size_t{1} << 60), std::bad_alloc);
}

}  // namespace
}  // namespace nevus
