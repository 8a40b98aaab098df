#include "compute/backbone/buffer_plan.h"

#include <algorithm>
#include <numeric>

namespace nevus {
namespace {

size_t Aligned(size_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

bool Meet(const BufferUse& a, const BufferUse& b) {
  return a.first <= b.last && b.first <= a.last;
}

}  // namespace

BufferPlan PlanBuffers(const std::vector<BufferUse>& uses) {
  std::vector<size_t> order(uses.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return uses[a].bytes > uses[b].bytes;
  });
  BufferPlan plan;
  plan.offsets.resize(uses.size());
  std::vector<size_t> placed;  // by offset
  for (size_t i : order) {
    size_t offset = 0;
    for (size_t other : placed) {
      if (!Meet(uses[i], uses[other])) continue;
      if (offset + uses[i].bytes <= plan.offsets[other]) break;
      offset =
          std::max(offset, Aligned(plan.offsets[other] + uses[other].bytes));
    }
    plan.offsets[i] = offset;
    plan.bytes = std::max(plan.bytes, offset + uses[i].bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](size_t a, size_t b) {
                                     return plan.offsets[a] < plan.offsets[b];
                                   }),
                  i);
  }
  return plan;
}

}  // namespace nevus
