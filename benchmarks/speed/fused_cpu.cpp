// FISTA through Gram matrices, as skmixmate.functional.gram_encode without gradients,
// whose thresholds and extrapolation are done while a product is in registers. Tried,
// not part of the package: `benchmarks.speed.predict` compiles and measures it.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

// Samples lie side by side in the lanes of vectors, as many as registers hold beside
// ROWS rows of a product.
#ifdef __AVX512F__
constexpr int LANES = 16, VECTORS = 2, ROWS = 8;
#else
constexpr int LANES = 8, VECTORS = 3, ROWS = 4;
#endif
constexpr int SAMPLES = LANES * VECTORS;

typedef float Vec __attribute__((vector_size(LANES * 4)));
typedef float Unaligned __attribute__((vector_size(LANES * 4), aligned(4)));

static inline void each(float number, Vec& all) { all = number - Vec{}; }

static inline Vec soft_threshold(Vec v, float alpha) {
    Vec high, low;
    each(alpha, high);
    each(-alpha, low);
    Vec clamped = v < high ? v : high;
    return v - (clamped > low ? clamped : low);
}

// Rows of U = soft_threshold(C + E A), of U before, and of the next E; A is symmetric.
template <int N>
static inline void layer(int row, int n_atoms, const float* __restrict A,
                         const Vec* __restrict E, const Vec* __restrict C,
                         Vec* __restrict U, Vec* __restrict next_E, float alpha,
                         float momentum) {
    Vec V[N][VECTORS], factor;
    for (int r = 0; r < N; r++)
        for (int j = 0; j < VECTORS; j++) V[r][j] = C[(row + r) * VECTORS + j];
    for (int q = 0; q < n_atoms; q++) {
        const float* a = A + q * n_atoms + row;
        const Vec* e = E + q * VECTORS;
#pragma GCC unroll 8
        for (int r = 0; r < N; r++) {
            Vec weight;
            each(a[r], weight);
#pragma GCC unroll 3
            for (int j = 0; j < VECTORS; j++) V[r][j] += weight * e[j];
        }
    }
    each(momentum, factor);
    for (int r = 0; r < N; r++)
        for (int j = 0; j < VECTORS; j++) {
            int i = (row + r) * VECTORS + j;
            Vec u = soft_threshold(V[r][j], alpha);
            next_E[i] = u + factor * (u - U[i]);
            U[i] = u;
        }
}

// For correlations C (K, P, B), A = I - step * gram and gram (K, P, P), steps (K,):
// squared residuals less squared norms (K, B), and l1 norms of codes (K, B).
extern "C" void encode(const float* C, const float* A, const float* gram,
                       const float* steps, const float* momenta, float alpha,
                       int n_iter, long K, long B, long P, float* residuals,
                       float* penalties) {
    size_t n = (size_t)P * VECTORS;
    Vec* memory = (Vec*)std::aligned_alloc(64, 4 * n * sizeof(Vec));
    if (!memory) throw std::bad_alloc();
    Vec *c = memory, *U = c + n, *E = U + n, *next_E = E + n;
    for (long k = 0; k < K; k++) {
        const float *a = A + k * P * P, *g = gram + k * P * P;
        Vec step;
        each(steps[k], step);
        for (long first = 0; first < B; first += SAMPLES) {
            long n_samples = std::min<long>(SAMPLES, B - first);
            std::memset((void*)c, 0, n * sizeof(Vec));
            for (long p = 0; p < P; p++) {
                const float* from = C + (k * P + p) * B + first;
                if (n_samples == SAMPLES)
                    for (int j = 0; j < VECTORS; j++)
                        c[p * VECTORS + j] = *(const Unaligned*)(from + j * LANES);
                else
                    std::memcpy((void*)(c + p * VECTORS), from, 4 * n_samples);
            }
            for (size_t i = 0; i < n; i++) U[i] = E[i] = soft_threshold(c[i], alpha);
            for (int l = 1; l < n_iter; l++) {
                long row = 0;
                for (; row + ROWS <= P; row += ROWS)
                    layer<ROWS>(row, P, a, E, c, U, next_E, alpha, momenta[l]);
                for (; row < P; row++)
                    layer<1>(row, P, a, E, c, U, next_E, alpha, momenta[l]);
                std::swap(E, next_E);
            }
            Vec values[VECTORS] = {}, norms[VECTORS] = {};
            for (size_t i = 0; i < n; i++) U[i] *= step;
            for (long p = 0; p < P; p++) {
                Vec products[VECTORS] = {}, weight;
                for (long q = 0; q < P; q++) {
                    each(g[q * P + p], weight);
                    for (int j = 0; j < VECTORS; j++)
                        products[j] += weight * U[q * VECTORS + j];
                }
                for (int j = 0; j < VECTORS; j++) {
                    Vec z = U[p * VECTORS + j];
                    values[j] += z * (products[j] - 2.0f * c[p * VECTORS + j]);
                    norms[j] += z > -z ? z : -z;
                }
            }
            std::memcpy(residuals + k * B + first, values, 4 * n_samples);
            std::memcpy(penalties + k * B + first, norms, 4 * n_samples);
        }
    }
    std::free(memory);
}
