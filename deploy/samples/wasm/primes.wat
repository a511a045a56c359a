;; primes.wasm in text form: wat2wasm primes.wat
(module
  (func (export "next_prime") (param $n i32) (result i32)
    (local $d i32)
    (loop $candidate
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (local.set $d (i32.const 2))
      (loop $divisor
        (if (i32.le_u (i32.mul (local.get $d) (local.get $d)) (local.get $n))
          (then
            (br_if $candidate (i32.eqz (i32.rem_u (local.get $n) (local.get $d))))
            (local.set $d (i32.add (local.get $d) (i32.const 1)))
            (br $divisor)))))
    (local.get $n)))
