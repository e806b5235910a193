module go-mlkem

go 1.26
