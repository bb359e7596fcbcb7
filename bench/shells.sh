# Loops of a shell, for two builds of one: sh shells.sh KIND COUNT [COMMAND]
case $1 in
arithmetic)
    i=0
    while [ $i -lt $2 ]; do i=$((i + 1)); done
    ;;
case)
    i=0
    while [ $i -lt $2 ]; do
        case $i in
        *5) digit=five ;;
        *[0-4]) digit=low ;;
        *) digit=high ;;
        esac
        i=$((i + 1))
    done
    ;;
function)
    next() { i=$(($1 + 1)); }
    i=0
    while [ $i -lt $2 ]; do next $i; done
    ;;
substitution)
    i=0
    while [ $i -lt $2 ]; do
        text=$(echo $i)
        i=$((i + 1))
    done
    ;;
command)
    i=0
    while [ $i -lt $2 ]; do
        $3 || exit
        i=$((i + 1))
    done
    ;;
pipeline)
    i=0
    while [ $i -lt $2 ]; do
        echo $i | read text
        i=$((i + 1))
    done
    ;;
here-document)
    i=0
    while [ $i -lt $2 ]; do
        read text <<END
line $i
END
        i=$((i + 1))
    done
    ;;
*) exit 2 ;;
esac
